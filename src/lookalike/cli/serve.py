"""`lookalike serve`."""

from typing import Annotated

import typer

from lookalike.cli.output import LibraryOption, console, default_of, faults_are_told, printable, settings_for
from lookalike.library.opening import open_library
from lookalike.library.parts import LibraryParts
from lookalike.library.places import require_library

HostOption = Annotated[
    str | None, typer.Option(help=f"Address to listen on, or unix:PATH for a unix socket. {default_of('host')}")
]
PortOption = Annotated[int | None, typer.Option(min=0, max=65535, help=f"Port to listen on. {default_of('port')}")]
RootPathOption = Annotated[
    str | None, typer.Option(metavar="PATH", help="Path under which a proxy serves the page, such as /photos.")
]
AllowedHostsOption = Annotated[
    str | None, typer.Option(metavar="NAMES", help="Further host names to answer to, comma-separated.")
]
TrustedProxiesOption = Annotated[
    str | None, typer.Option(metavar="ADDRESSES", help="Proxies whose X-Forwarded headers are trusted.")
]
KeepAliveOption = Annotated[
    int | None,
    typer.Option(
        metavar="SECONDS",
        min=0,
        max=86_400,
        help=f"Close idle connections after this time. {default_of('keep_alive_seconds')}",
    ),
]
CreateOption = Annotated[bool, typer.Option("--create", help="Create an empty library if there is none.")]


def serve(
    *,
    library: LibraryOption = None,
    host: HostOption = None,
    port: PortOption = None,
    root_path: RootPathOption = None,
    allowed_hosts: AllowedHostsOption = None,
    trusted_proxies: TrustedProxiesOption = None,
    keep_alive: KeepAliveOption = None,
    create: CreateOption = False,
) -> None:
    """Serve the page and the HTTP API."""
    with faults_are_told(as_json=False):
        settings = settings_for(
            library,
            host=host,
            port=port,
            root_path=root_path,
            allowed_hosts=allowed_hosts,
            trusted_proxies=trusted_proxies,
            keep_alive_seconds=keep_alive,
        )
        require_library(settings, named=library is not None, create=create)
        with open_library(settings, create=True) as opened:
            serve_library(opened)


def serve_library(library: LibraryParts) -> None:
    """Serve until told to stop."""
    from lookalike.serving import Services, ServingSettings, create_app, run  # noqa: PLC0415 - other commands start sooner without FastAPI

    library.indexer.claim_library()  # so that an empty library is ready for its first upload
    settings = ServingSettings.of(library)

    def tell(url: str) -> None:
        console.print(printable(f"Serving {library.settings.library} at {url}  (Ctrl-C stops)"), soft_wrap=True)

    run(create_app(Services.of(library), settings), settings, listening=tell)
