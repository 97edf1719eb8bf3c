"""Who sent a request: the address it comes from, and whether that is this very machine."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

from falcon.asgi import Request

from controlplane.http.settings import Network

# What proxies say of whom they speak for, and of themselves.
_FORWARDED = (
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
    "Via",
)
# What browsers say of the page that asks.
_PAGE = ("Origin", "Sec-Fetch-Site")


def client(req: Request, proxies: tuple[Network, ...]) -> str:
    """The address that a request comes from.

    A proxy that is trusted says it in X-Forwarded-For; the last entry that is no trusted proxy
    counts, since everything before it is what the client itself said.
    """
    peer = _peer(req)
    if not proxies or not is_in(peer, proxies):
        return peer
    for hop in reversed((req.get_header("X-Forwarded-For") or "").split(",")):
        address = _address(hop)
        if address is None:
            break  # from here on it is not what a proxy says
        if not is_in(str(address), proxies):
            return str(address)
    return peer


def is_loopback(req: Request, proxies: tuple[Network, ...]) -> bool:
    """Whether a program of this machine sent a request, and nobody else can have made it do so.

    A proxy on this machine that is not known to be one would make everybody local, so a request
    that speaks of forwarding is not; neither is one of HTTP/1.0, which proxies speak that say
    nothing of themselves (nginx), nor one of a web page, whose browser says so.
    """
    if _says(req, _PAGE) or _is_old(req):
        return False
    if is_in(_peer(req), proxies):
        who = client(req, proxies)
        return who != _peer(req) and _is_own(who)
    return not _says(req, _FORWARDED) and _is_own(_peer(req))


def _says(req: Request, names: Iterable[str]) -> bool:
    return any(req.get_header(name) is not None for name in names)


def _is_old(req: Request) -> bool:
    return str(req.scope.get("http_version")) in ("0.9", "1.0")


def _peer(req: Request) -> str:
    return str((req.scope.get("client") or ("",))[0])


def _is_own(text: str) -> bool:
    address = _address(text)
    return address is not None and address.is_loopback


@lru_cache(maxsize=4096)
def is_in(text: str, networks: tuple[Network, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address, with or without a port; IPv4 in IPv6 is the IPv4 address that it is."""
    word = text.strip()
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        address = ipaddress.ip_address(word)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
