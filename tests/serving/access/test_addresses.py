"""What nobody may make the server connect to: a table of attacks, and what is still fetched."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.errors import UrlRefused
from lookalike.serving.access.addresses import require_public, target_of

ATTACKS = {
    "loopback": "http://127.0.0.1/",
    "all of 127": "http://127.8.9.10/",
    "loopback in IPv6": "http://[::1]/",
    "any address": "http://0.0.0.0/",
    "any address in IPv6": "http://[::]/",
    "localhost": "http://localhost/",
    "localhost with a dot": "http://localhost./",
    "private 10": "http://10.0.0.1/",
    "private 172.16": "http://172.16.0.1/",
    "private 192.168": "http://192.168.1.1/",
    "carrier's own": "http://100.64.0.1/",
    "link-local": "http://169.254.0.1/",
    "metadata of clouds": "http://169.254.169.254/latest/meta-data/",
    "metadata of Alibaba": "http://100.100.100.200/",
    "metadata in IPv6": "http://[fd00:ec2::254]/",
    "link-local in IPv6": "http://[fe80::1]/",
    "with a zone": "http://[fe80::1%25eth0]/",
    "unique local": "http://[fc00::1]/",
    "mapped loopback": "http://[::ffff:127.0.0.1]/",
    "mapped metadata": "http://[::ffff:a9fe:a9fe]/",
    "compatible loopback": "http://[::127.0.0.1]/",
    "6to4 of loopback": "http://[2002:7f00:1::]/",
    "NAT64 of loopback": "http://[64:ff9b::7f00:1]/",
    "NAT64 of metadata": "http://[64:ff9b::169.254.169.254]/",
    "Teredo of loopback": "http://[2001:0:7f00:1::]/",
    "multicast": "http://224.0.0.1/",
    "multicast in IPv6": "http://[ff02::1]/",
    "broadcast": "http://255.255.255.255/",
    "reserved": "http://240.0.0.1/",
    "documentation": "http://192.0.2.1/",
    "benchmarks": "http://198.18.0.1/",
    "decimal": "http://2130706433/",
    "octal": "http://0177.0.0.1/",
    "hexadecimal": "http://0x7f.0.0.1/",
    "one hexadecimal number": "http://0x7f000001/",
    "shortened": "http://127.1/",
    "shortened zero": "http://0/",
    "leading zeros": "http://127.000.000.001/",
    "a public decimal, too": "http://134744072/",
    "full-width digits": "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/",
    "circled digits": "http://①②⑦.⓪.⓪.①/",
    "user name": "http://images.example.com@127.0.0.1/",
    "user name that looks like a host": "http://127.0.0.1@images.example.com/",
    "backslash": "http://images.example.com\\@127.0.0.1/",
    "encoded dots": "http://127%2e0%2e0%2e1/",
    "a name of this network": "http://metadata/",
    "another port": "http://images.example.com:6379/",
    "https to another port": "https://images.example.com:8443/",
    "port that is no number": "http://images.example.com:80a/",
    "file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp": "ftp://images.example.com/",
    "dict": "dict://127.0.0.1:11211/stat",
    "data": "data:image/png;base64,AAAA",
    "no scheme": "//127.0.0.1/",
    "a line end": "http://images.example.com/\r\nHost: 127.0.0.1",
    "a tab in the host": "http://127.0.\t0.1/",
    "space": "http://images.example.com/ HTTP/1.1",
    "NUL": "http://images.example.com/\x00",
    "nothing": "",
    "no host": "http:///path",
    "too long": "http://images.example.com/" + "a" * 2048,
    "open bracket": "http://[::1/",
}


@pytest.mark.parametrize("url", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attack_is_refused_before_anything_is_connected_to(url):
    with pytest.raises(UrlRefused):
        target_of(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://images.example.com/a.jpg?size=2#part", ("http", "images.example.com", 80, "/a.jpg?size=2")),
        ("HTTPS://Images.Example.COM.", ("https", "images.example.com", 443, "/")),
        ("https://images.example.com:443/", ("https", "images.example.com", 443, "/")),
        ("http://93.184.216.34/a", ("http", "93.184.216.34", 80, "/a")),
        ("http://[2606:2800:220:1::1]/a", ("http", "2606:2800:220:1::1", 80, "/a")),
        ("http://xn--bcher-kva.example/", ("http", "xn--bcher-kva.example", 80, "/")),
    ],
)
def test_public_urls_are_fetched(url, expected):
    target = target_of(url)
    assert (target.scheme, target.host, target.port, target.path) == expected


@given(st.ip_addresses(v=4))
def test_an_ipv6_address_that_means_an_ipv4_address_is_no_more_public_than_that(address):
    for text in (f"::ffff:{address}", f"64:ff9b::{address}"):
        assert not is_public(ipaddress.IPv6Address(text)) or is_public(address)


def is_public(address):
    try:
        require_public(address)
    except UrlRefused:
        return False
    return True
