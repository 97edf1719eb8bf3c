"""Documents from where users keep them: files, URLs, ConfigMaps."""

from __future__ import annotations

import os
from typing import Any

from aicr import jsonio
from aicr.errors import (
    AicrError,
    InvalidRequest,
    NotFound,
    RateLimited,
    Timeout,
    Unauthorized,
    Unavailable,
)

URL_TIMEOUT_SECONDS = 30
_URL_SCHEMES = ("http://", "https://")
CONFIGMAP_SCHEME = "cm://"


def read_document(source: str, flag: str, kubeconfig: str | None = None) -> tuple[Any, bool]:
    """The document at a path, http(s) URL or cm://namespace/name, and whether it is JSON.

    The suffix decides: .yaml and .yml are YAML, anything else is JSON (as in the real AICR).
    `flag` is named in errors. Raises NotFound, Unavailable or InvalidRequest.
    """
    if source.startswith(CONFIGMAP_SCHEME):
        from aicr import configmap

        text, is_json = configmap.read(source, kubeconfig)
        return _parse(text.encode(), source, is_json), is_json
    if kubeconfig:
        raise InvalidRequest(f"--kubeconfig has no effect: {flag} {source} is no cm:// address")
    path = _path_of(source, flag)
    suffix = os.path.splitext(path)[1].lower()
    if suffix in (".txt", ".table"):
        raise InvalidRequest(f"{source}: tables cannot be read back; give YAML or JSON ({flag})")
    is_json = suffix not in (".yaml", ".yml")
    data = _download(source, flag) if source.startswith(_URL_SCHEMES) else read_bytes(source, flag)
    try:
        return _parse(data, source, is_json), is_json
    except InvalidRequest as e:
        if is_json and suffix != ".json":
            hint = f" (read as JSON for want of a suffix; name it .yaml if it is YAML, {flag})"
            raise InvalidRequest(e.message + hint, details=e.details) from None
        raise


def _parse(data: bytes, name: str, is_json: bool) -> Any:
    if is_json:
        return jsonio.parse(data, name)
    from aicr import yamlio

    return yamlio.parse(data, name).value


def read_bytes(path: str, flag: str) -> bytes:
    """A local file, up to one byte more than may be parsed. Raises NotFound or InvalidRequest."""
    try:
        with open(path, "rb") as f:
            return f.read(jsonio.MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"{flag}: no such file: {path}") from None
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or str(e)
        raise InvalidRequest(f"{flag}: cannot read {path}: {reason}") from None


def _path_of(source: str, flag: str) -> str:
    """What the suffix is taken from: of a URL its path, whatever its ?query."""
    if not source.startswith(_URL_SCHEMES):
        return source
    from urllib.parse import urlsplit

    try:
        return urlsplit(source).path
    except ValueError as e:
        raise InvalidRequest(f"{flag}: {source} is no URL: {e}") from None


_BY_STATUS: dict[int, type[AicrError]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    408: Timeout,
    429: RateLimited,
    504: Timeout,
}


def _download(url: str, flag: str) -> bytes:
    from http.client import HTTPException
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(url, timeout=URL_TIMEOUT_SECONDS) as response:  # noqa: S310 (only http, https)
            data: bytes = response.read(jsonio.MAX_BYTES + 1)
            missing = response.length
    except HTTPError as e:
        kind = _BY_STATUS.get(e.code, Unavailable)
        raise kind(f"{flag}: {url} answered {e.code} {e.reason}") from None
    except (OSError, HTTPException, ValueError) as e:
        reason = getattr(e, "reason", None) or e
        kind = Timeout if isinstance(reason, TimeoutError) else Unavailable
        raise kind(f"{flag}: cannot read {url}: {reason}") from None
    if missing and len(data) <= jsonio.MAX_BYTES:
        raise Unavailable(f"{flag}: {url} broke off, {missing} bytes are missing")
    return data
