"""A client of registries with the OCI distribution API: is an artifact there, is a login good.

Two requests at most: the question and, when the registry wants a token for it, one to whoever it
names. Nothing is followed anywhere else, since credentials would go along.
"""

from __future__ import annotations

import base64
import re
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from aicr import jsonio
from aicr.errors import InvalidRequest, Unavailable

# What a manifest may be: of one image, or of one per platform.
_ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
SECONDS = 10.0
MAX_ANSWER = 1024 * 1024
FOUND, MISSING, REFUSED = "found", "missing", "refused"
# Where the API of Docker Hub really is.
_HOSTS = {"docker.io": "registry-1.docker.io"}
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][-A-Za-z0-9._]{0,127}")
_DIGEST = re.compile(r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class Image(NamedTuple):
    """An image: where it is, and its tag or digest."""

    host: str
    repository: str
    reference: str


def parse(text: str) -> Image:
    """An image reference; without a host it is on Docker Hub, without a tag the latest.

    Raises InvalidRequest.
    """
    rest = text.removeprefix("oci://")
    head, slash, tail = rest.partition("/")
    named = bool(slash) and (head == "localhost" or "." in head or ":" in head)
    host, path = (head, tail) if named else ("docker.io", rest)
    path, at, digest = path.partition("@")
    name, colon, tag = path.partition(":")
    repository = f"library/{name}" if host == "docker.io" and "/" not in name else name
    fits = (
        _REPOSITORY.fullmatch(repository)
        and (not colon or _TAG.fullmatch(tag))
        and (not at or _DIGEST.fullmatch(digest))
    )
    if not fits:
        raise InvalidRequest(f"{text!r} is no image reference")
    return Image(host.lower(), repository, digest or tag or "latest")


class Answered(NamedTuple):
    status: int
    challenge: str
    body: bytes


class Client:
    """Asks one registry, with a login (user:password) or without. `plain` is for tests."""

    def __init__(self, host: str, login: str = "", *, plain: bool = False) -> None:
        self._host, self._login, self._plain = _HOSTS.get(host, host), login, plain

    def look(self, image: Image) -> str:
        """FOUND, MISSING or REFUSED. Raises Unavailable when the registry does not say."""
        status = self._ask("HEAD", f"/v2/{image.repository}/manifests/{image.reference}").status
        return self._verdict(status)

    def log_in(self) -> str:
        """FOUND when the login is good, else REFUSED. Raises Unavailable."""
        return self._verdict(self._ask("GET", "/v2/").status)

    def _verdict(self, status: int) -> str:
        if 200 <= status < 300:
            return FOUND
        if status in (401, 403):
            return REFUSED
        if status == 404:
            return MISSING
        raise Unavailable(f"registry {self._host} answered {status}")

    def _ask(self, method: str, path: str) -> Answered:
        first = self._send(self._host, method, path, self._basic())
        if first.status != 401:
            return first
        token = self._token(first.challenge)
        return first if token is None else self._send(self._host, method, path, f"Bearer {token}")

    def _basic(self) -> str:
        return f"Basic {base64.b64encode(self._login.encode()).decode()}" if self._login else ""

    def _token(self, challenge: str) -> str | None:
        """A token for what was asked; None when there is none for us."""
        scheme, _, rest = challenge.partition(" ")
        given = dict(_PARAMETER.findall(rest))
        realm = urlsplit(given.get("realm", ""))
        expected = "http" if self._plain else "https"
        if scheme.lower() != "bearer" or realm.scheme != expected or not realm.netloc:
            return None
        query = urlencode({k: given[k] for k in ("service", "scope") if k in given})
        found = self._send(realm.netloc, "GET", f"{realm.path or '/'}?{query}", self._basic())
        if found.status != 200:
            return None
        try:
            document: Any = jsonio.parse(found.body, "token")
        except InvalidRequest:
            return None
        token = document.get("token") or document.get("access_token")
        return token if isinstance(token, str) and token.isprintable() else None

    def _send(self, host: str, method: str, path: str, authorization: str) -> Answered:
        kind = HTTPConnection if self._plain else HTTPSConnection
        headers = {"Accept": _ACCEPT, **({"Authorization": authorization} if authorization else {})}
        connection = kind(host, timeout=SECONDS)
        try:
            connection.request(method, path, headers=headers)
            return _read(connection.getresponse())
        except (OSError, HTTPException, ValueError) as e:
            raise Unavailable(f"registry {host} cannot be asked: {e}") from None
        finally:
            connection.close()


def _read(answer: HTTPResponse) -> Answered:
    body = answer.read(MAX_ANSWER)
    return Answered(answer.status, answer.getheader("WWW-Authenticate") or "", body)
