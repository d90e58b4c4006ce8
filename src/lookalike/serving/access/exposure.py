"""Whether a server may listen on an address that other machines reach."""

import ipaddress

from lookalike.errors import CallerError

_UNIX = "unix:"


def is_local(host: str) -> bool:
    """Whether only this machine reaches the address: loopback, or a unix socket."""
    if host.startswith(_UNIX) or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False  # a name may mean any address


def require_guarded(host: str, *, has_keys: bool, is_open: bool) -> None:
    """Let a server listen where only this machine reaches it, where it has keys, or where it is to be open.

    Raises:
        CallerError: other machines would reach it, and everybody could search.
    """
    if not (is_local(host) or has_keys or is_open):
        raise CallerError(
            f"host {host}: other machines reach this address, and the library has no API keys, so everybody there"
            " could search it; make a key with `lookalike keys create NAME`, listen on 127.0.0.1, or say --open"
        )
