"""Who sent a request, and when that is this very machine."""

from __future__ import annotations

import ipaddress
from typing import Any

import falcon.testing
import pytest

from controlplane.http.peers import client, is_loopback
from controlplane.http.settings import Network

NONE: tuple[Network, ...] = ()
LOCAL = (ipaddress.ip_network("127.0.0.1/32"),)
INNER = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))


def request(peer: str, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    req: Any = falcon.testing.create_asgi_req(headers=named)
    req.scope["client"] = (peer, 1) if peer else None
    return req


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "found"),
    [
        ("192.0.2.1", None, NONE, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.9", NONE, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.9", INNER, "192.0.2.1"),
        ("10.0.0.1", "198.51.100.9", INNER, "198.51.100.9"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.9", INNER, "198.51.100.9"),
        ("10.0.0.1", "198.51.100.9, 10.2.3.4", INNER, "198.51.100.9"),
        ("10.0.0.1", "198.51.100.9:4711, 10.2.3.4:80", INNER, "198.51.100.9"),
        ("10.0.0.1", "[2001:db8::1]:4711", INNER, "2001:db8::1"),
        ("10.0.0.1", "2001:db8::1, fd00::7", INNER, "2001:db8::1"),
        ("::ffff:10.0.0.1", "::ffff:198.51.100.9", INNER, "198.51.100.9"),
        ("10.0.0.1", None, INNER, "10.0.0.1"),
        ("10.0.0.1", "", INNER, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9, unknown", INNER, "10.0.0.1"),
        ("10.0.0.1", "unknown, 198.51.100.9", INNER, "198.51.100.9"),
        ("10.0.0.1", "10.9.9.9", INNER, "10.0.0.1"),
        ("", None, NONE, ""),
    ],
)
def test_the_address(peer: str, forwarded: str | None, proxies: Any, found: str) -> None:
    headers = {} if forwarded is None else {"X_Forwarded_For": forwarded}
    assert client(request(peer, **headers), proxies) == found


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_this_machine(peer: str) -> None:
    assert is_loopback(request(peer), NONE)
    assert is_loopback(request(peer, Host="example.org", User_Agent="curl"), NONE)


@pytest.mark.parametrize(
    "peer", ["192.0.2.1", "10.0.0.1", "0.0.0.1", "::", "fe80::1", "", "localhost", "/run/x"]
)
def test_others(peer: str) -> None:
    assert not is_loopback(request(peer), NONE)


@pytest.mark.parametrize(
    "name",
    [
        "Forwarded",
        "X_Forwarded_For",
        "X_Forwarded_Host",
        "X_Forwarded_Proto",
        "X_Real_IP",
        "Via",
        "Origin",
        "Sec_Fetch_Site",
    ],
)
@pytest.mark.parametrize("value", ["127.0.0.1", "", "localhost"])
def test_one_that_is_spoken_for(name: str, value: str) -> None:
    """A proxy here that nobody told us of would make the whole world local."""
    assert not is_loopback(request("127.0.0.1", **{name: value}), NONE)


@pytest.mark.parametrize(
    ("version", "local"), [("1.0", False), ("0.9", False), ("1.1", True), ("2", True)]
)
def test_a_proxy_that_says_nothing_of_itself(version: str, local: bool) -> None:
    """nginx, as it comes, adds no header; it speaks HTTP/1.0."""
    req = request("127.0.0.1")
    req.scope["http_version"] = version
    assert is_loopback(req, NONE) is local


@pytest.mark.parametrize(
    ("peer", "forwarded", "local"),
    [
        ("127.0.0.1", "127.0.0.2", True),
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "192.0.2.1", False),
        ("127.0.0.1", "127.0.0.2, 192.0.2.1", False),
        ("127.0.0.1", "192.0.2.1, 127.0.0.2", True),
        # Nothing said of whom it speaks for, or itself.
        ("127.0.0.1", None, False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "garbage", False),
        # No proxy of ours: what it says counts for nothing.
        ("192.0.2.1", "127.0.0.1", False),
        ("127.0.0.9", None, True),
    ],
)
def test_behind_a_trusted_proxy(peer: str, forwarded: str | None, local: bool) -> None:
    headers = {} if forwarded is None else {"X_Forwarded_For": forwarded}
    assert is_loopback(request(peer, **headers), LOCAL) is local
