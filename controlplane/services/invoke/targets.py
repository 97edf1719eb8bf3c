"""Whom a request is for: by its path, by its headers, or by its host (contract 7.1)."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, NamedTuple

from controlplane.services.invoke import errors, requests
from controlplane.services.invoke.requests import Target

BASE = "/v2/nvcf"
PATHS = (f"{BASE}/pexec", f"{BASE}/exec")
_BELOW = tuple(f"{path}/" for path in PATHS)
_ID = r"(?P<function>[^/]+)"
_ROUTES = (
    ("POST", re.compile(rf"functions/{_ID}(/versions/(?P<version>[^/]+))?/?")),
    ("GET", re.compile(r"status/(?P<request>[^/]+)/?")),
)
_HOST = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9.])?)(:[0-9]{1,5})?"
)
_IDS = {"functions": "{functionId}", "versions": "{versionId}", "status": "{requestId}"}
_UUID_LENGTH, _DASH = 36, ord("-")
# Most requests are for the same few functions.
_same = lru_cache(maxsize=1024)


class Call(NamedTuple):
    """What is asked of the plane: exactly one of a function and a request by its id. `by_path`:
    through pexec, or through exec when `wrapped`."""

    target: Target | None = None
    request: str = ""
    by_path: bool = True
    wrapped: bool = False


def direct(scope: Any) -> Target | None:
    """The function that a request names by header, which wins, or by host. Whatever its method and
    path, it is for that function."""
    host = b""
    function = version = b""
    for name, value in scope["headers"]:
        if name == b"host":
            host = value
        elif name == b"function-id":
            function = value
        elif name == b"function-version-id":
            version = value
    if function and requests.is_uuid(function.decode("latin-1")):
        return _of_headers(function.decode("latin-1"), version.decode("latin-1"))
    # Most hosts are none: those are told apart by two characters.
    if len(host) <= _UUID_LENGTH or host[8] != _DASH or host[_UUID_LENGTH:37] != b".":
        return None
    return _of_labels(host.decode("latin-1").split("."))


def _of_headers(function: str, version: str) -> Target:
    if not version:
        return Target(function.lower())
    return Target(function.lower(), version.lower() if requests.is_uuid(version) else version)


def _of_labels(labels: list[str]) -> Target | None:
    """The version comes first, where there is one."""
    if not requests.is_uuid(labels[0]):
        return None
    if len(labels) > 1 and requests.is_uuid(labels[1]):
        return Target(labels[1].lower(), labels[0].lower())
    return Target(labels[0].lower())


def is_path(path: str) -> bool:
    """Whether a path is one of the plane."""
    return path.startswith(_BELOW) or path in PATHS


@_same
def call(method: str, path: str) -> Call:
    """What a path of the plane asks for. Raises Refusal: 404, 405, or 400 for what is no id."""
    which, _, rest = path.removeprefix(f"{BASE}/").partition("/")
    found = [(m, match) for m, pattern in _ROUTES if (match := pattern.fullmatch(rest))]
    if not found:
        raise errors.no_path()
    allowed, match = found[0]
    if method != allowed:
        raise errors.no_method(allowed)
    ids = match.groupdict()
    if "request" in ids:
        return Call(request=requests.uuid(ids["request"], "request_id"), wrapped=which == "exec")
    function = requests.uuid(ids["function"], "function_id")
    version = requests.uuid(ids["version"], "version_id") if ids["version"] else ""
    return Call(Target(function, version), wrapped=which == "exec")


@_same
def label(path: str) -> str:
    """The pattern of a path, for metrics: there are few of them."""
    which, _, rest = path.removeprefix(f"{BASE}/").partition("/")
    for _method, pattern in _ROUTES:
        match = pattern.fullmatch(rest)
        if match is not None:
            words = rest.strip("/").split("/")[::2]
            return f"{BASE}/{which}/{'/'.join(f'{w}/{_IDS[w]}' for w in words)}"
    return f"{BASE}/{which}"


def check_host(scope: Any, allowed: Collection[str]) -> None:
    """Raises Refusal 400 unless there is one Host, of an allowed name if there are such; what names
    a function stands before that name."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    match = _HOST.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
    if match is None:
        raise errors.bad_host()
    if allowed and _served(match["name"].lower().removesuffix(".")) not in allowed:
        raise errors.bad_host()


def _served(host: str) -> str:
    labels = host.split(".")
    while len(labels) > 1 and requests.is_uuid(labels[0]):
        del labels[0]
    return ".".join(labels)
