"""A server's engine, over HTTP."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit

from aicr import jsonio
from aicr.errors import (
    AicrError,
    Conflict,
    Forbidden,
    Full,
    Gone,
    InvalidRequest,
    NotFound,
    RateLimited,
    Timeout,
    Unauthorized,
    Unavailable,
)
from controlplane.home import home
from controlplane.plan.apply import Outcome
from controlplane.plan.builder import State
from controlplane.plan.definition import Plan, of_document
from controlplane.planner import Asked, Made
from controlplane.state.protocol import Meta, Resource

TOKEN = "AICR_TOKEN"  # noqa: S105 (the name of a variable)
SERVER = "AICR_SERVER"
# An apply answers when everything is done.
SECONDS = 600
_ERRORS: dict[int, type[AicrError]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
    503: Unavailable,
    504: Timeout,
    507: Full,
}


_HEADER = re.compile(r"[\x21-\x7e]*")
_CODE = re.compile(r"[A-Z][A-Z_]{2,40}\Z")


class Remote:
    """Raises what the server says, as the same errors that the engine raises here."""

    def __init__(self, server: str) -> None:
        self._host = host_of(server)
        self._server = server.rstrip("/")
        self._token = _token(self._host)

    def plan(self, asked: Asked) -> Made:
        documents = [
            {
                "name": m.doc.file,
                "document": m.doc.value,
                "positions": m.doc.positions,
                "depth": m.depth,
            }
            for m in asked.manifests
        ]
        body = {
            "documents": documents,
            "for": dict(asked.criteria),
            "secrets": dict(asked.secrets),
            "prune": asked.options.prune,
        }
        return self._planned(body)

    def wish(self, action: str, addresses: Collection[str]) -> Plan:
        return self._planned({"action": action, "addresses": sorted(addresses)}).plan

    def destroy(self) -> Plan:
        return self._planned({"destroy": True}).plan

    def apply(self, plan: Plan, secrets: Mapping[str, str]) -> Outcome:
        path = f"/v1/plans/{quote(plan.digest)}/apply"
        try:
            answer = self._call("POST", path, {"secrets": dict(secrets)})
        except NotFound as e:
            text = f"{e.message}: it was not made by {self._server}; plan again with --server"
            raise NotFound(text) from None
        return Outcome(*self._fields(answer, *Outcome._fields))

    def state(self) -> State:
        names = ("lineage", "serial", "revision", "resources")
        lineage, serial, revision, listed = self._fields(self._call("GET", "/v1/state"), *names)
        found = [Resource(*self._fields(entry, *Resource._fields)) for entry in listed]
        meta = Meta(lineage, serial, revision, 0, "", "", 0)
        return State(meta, {r.address: r for r in found})

    def restore(self, document: Any) -> int:
        count: int = self._fields(self._call("POST", "/v1/state", document), "resources")[0]
        return count

    def get(self, path: str) -> Any:
        """The JSON that a path answers."""
        return self._call("GET", path)

    def lines(self, path: str) -> Iterator[bytes]:
        """The lines that a path answers, as they come."""
        with self._answered("GET", path, None) as response:
            yield from response

    def _planned(self, body: Mapping[str, Any]) -> Made:
        answer = self._call("POST", "/v1/plans", body)
        document, id_, warnings = self._fields(answer, "plan", "id", "warnings")
        plan = of_document(document, self._server)
        if plan.digest != id_:
            raise Unavailable(f"{self._server} answered a plan that is not the one it names")
        return Made(plan, warnings)

    def _fields(self, answer: Any, *names: str) -> list[Any]:
        """Fields of an answer. Raises Unavailable when they are not there: it is no aicr."""
        if not isinstance(answer, dict) or any(name not in answer for name in names):
            raise Unavailable(f"{self._server} does not answer as aicr does (--server, {SERVER})")
        return [answer[name] for name in names]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        with self._answered(method, path, body) as response:
            return json.loads(response.read())

    @contextmanager
    def _answered(self, method: str, path: str, body: Any) -> Iterator[Any]:
        """The answer to a request, open. Raises what the server says."""
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request

        data = None if body is None else jsonio.compact(body).encode("utf-8", "surrogatepass")
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        url = self._server + path
        request = Request(url, data=data, headers=headers, method=method)  # noqa: S310 (checked)
        try:
            with self._open(request, timeout=SECONDS) as response:
                yield response
        except HTTPError as e:
            raise self._error(e.code, e.read()) from None
        except (OSError, HTTPException, ValueError) as e:
            reason = getattr(e, "reason", None) or e
            text = f"cannot reach {self._server}: {reason} (--server, {SERVER})"
            raise Unavailable(text) from None

    @cached_property
    def _open(self) -> Callable[..., Any]:
        """Opens requests. No redirection is followed: it would take the credential along, to
        wherever it leads; nor does what stays on this host go by a proxy."""
        from urllib.request import HTTPRedirectHandler, ProxyHandler, build_opener

        class Stay(HTTPRedirectHandler):
            def redirect_request(self, *_: Any) -> None:
                return None

        direct = [ProxyHandler({})] if is_here(self._host) else []
        return build_opener(Stay, *direct).open

    def _error(self, status: int, data: bytes) -> AicrError:
        try:
            problem = json.loads(data)
            message = problem.get("message") or problem.get("detail") or ""
            details, code = problem.get("details") or {}, str(problem.get("code"))
        except (ValueError, AttributeError):
            message, details, code = "", {}, ""
        if status in (401, 403):
            message = f"{message or 'refused'} ({self._advice(status)})"
        if 300 <= status < 400:
            message = f"{self._server} answered {status}: say the URL it sends to (--server)"
        kind = _ERRORS.get(status, Unavailable)
        error = kind(message or f"{self._server} answered {status}", details=details)
        if _CODE.match(code):
            error.code = code  # STALE_PLAN is more than CONFLICT
        return error

    def _advice(self, status: int) -> str:
        if not self._token:
            return f"set {TOKEN}"
        known = TOKEN if os.environ.get(TOKEN) else f"the credential in {home().path}"
        return f"{self._server} does not know {known}" if status == 401 else f"by {known}"


def _token(host: str) -> str:
    """AICR_TOKEN; on the server's own host the credential in AICR_HOME does.

    Raises InvalidRequest for what cannot stand in a header, before anything prints it.
    """
    given = os.environ.get(TOKEN, "").strip()
    if not _HEADER.fullmatch(given):
        raise InvalidRequest(f"{TOKEN} must be visible ASCII characters without blanks")
    return given or (home().known_token() if is_here(host) else "")


def host_of(server: str, said: str = "--server") -> str:
    """The host in the URL of a server. Raises InvalidRequest for what is no such URL, naming where
    it was said."""
    try:
        split = urlsplit(server)
        host, _ = split.hostname, split.port
    except ValueError:  # brackets that do not match, or a port that is none
        host = None
    if host is None or split.scheme not in ("http", "https"):
        raise InvalidRequest(f"{server} is no URL of a server: http://HOST:PORT ({said})")
    return host


def is_here(host: str) -> bool:
    """Whether a server of this name is on this host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
