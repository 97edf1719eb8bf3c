"""Error bodies, and the one way in which an exception becomes an answer (contract section 14.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import falcon
from falcon.asgi import Request, Response

from aicr import jsonio
from aicr.errors import AicrError, Internal
from controlplane.http.log import log
from controlplane.http.metrics import Metrics
from controlplane.http.prefixes import Prefixes

# Codes of the wire for statuses that are the framework's to say, named as the seed names them.
_CODES = {
    400: "INVALID_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "CONFLICT",
    413: "REQUEST_TOO_LARGE",
    415: "INVALID_REQUEST",
    422: "INVALID_REQUEST",
    429: "RATE_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "TIMEOUT",
}
_RETRYABLE = (429, 500, 503, 504)


class Problem(Exception):
    """An answer that is an error. `details` are JSON data for machines."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        code: str = "",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code or _CODES[status]
        self.message = message
        self.details = details or {}
        self.headers = headers or {}


class Refused(Problem):
    """An answer that is an error by the rules of a service, not by those of HTTP."""


class Dialect(NamedTuple):
    """How an API words its errors: problem, path and request id to a body; an empty one has no
    media type."""

    media_type: str
    body: Callable[[Problem, str, str], bytes]


def about(message: str, error: AicrError) -> Problem:
    """A problem with what was asked, in the words of the API; the reason goes to the details."""
    if isinstance(error, Internal):
        return of_error(error)
    details = {**error.details, "error": str(error)}
    return Problem(error.http_status, message, details=details, code=error.code)


def of_error(error: AicrError) -> Problem:
    """A problem in the error's own words."""
    code = "INTERNAL_ERROR" if error.code == "INTERNAL" else error.code
    return Problem(error.http_status, error.message, details=error.details, code=code)


def body(problem: Problem, request_id: str) -> bytes:
    """The JSON of an error in AICR's own words, keys in the order of the contract."""
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    document: dict[str, Any] = {"code": problem.code, "message": problem.message}
    if problem.details:
        document["details"] = problem.details
    document["requestId"] = request_id
    document["timestamp"] = now
    document["retryable"] = problem.status in _RETRYABLE
    return jsonio.line(document)


OWN = Dialect(falcon.MEDIA_JSON, lambda problem, _path, request_id: body(problem, request_id))


def answer(req: Request, resp: Response, problem: Problem, dialect: Dialect = OWN) -> None:
    """Make the response this problem."""
    resp.status = str(problem.status)
    resp.data = dialect.body(problem, req.path, _id(req))
    if resp.data:
        resp.content_type = dialect.media_type
    resp.set_headers(problem.headers)


Dialects = Iterable[tuple[Prefixes, Dialect]]


def install(app: Any, metrics: Metrics, dialects: Dialects = ()) -> None:
    """Every exception becomes a problem, in the dialect of its path; what nobody expected is
    logged with its trace."""
    spoken = tuple(dialects)

    def say(req: Request, resp: Response, problem: Problem) -> None:
        answer(req, resp, problem, next((d for p, d in spoken if p.has(req.path)), OWN))

    async def on_problem(req: Request, resp: Response, error: Problem, _: Any) -> None:
        say(req, resp, error)

    async def on_aicr(req: Request, resp: Response, error: AicrError, _: Any) -> None:
        say(req, resp, of_error(error))

    async def on_http(req: Request, resp: Response, error: falcon.HTTPError, _: Any) -> None:
        say(req, resp, _of_http(req, error))

    async def on_anything(req: Request, resp: Response, error: Exception, _: Any) -> None:
        log("error", "unexpected error", requestId=_id(req), error=repr(error), trace=error)
        metrics.failures.inc()
        say(req, resp, Problem(500, "internal server error"))

    app.add_error_handler(Exception, on_anything)
    app.add_error_handler(falcon.HTTPError, on_http)
    app.add_error_handler(AicrError, on_aicr)
    app.add_error_handler(Problem, on_problem)


def _id(req: Request) -> str:
    return getattr(req.context, "request_id", "")


def _of_http(req: Request, error: falcon.HTTPError) -> Problem:
    status = error.status_code
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return method_not_allowed(req.method, dict(error.headers or {}).get("Allow", ""))
    if status == HTTPStatus.NOT_FOUND:
        return not_found(req.path)
    message = error.description or error.title
    return Problem(status if status in _CODES else 400, message or "invalid request")


def not_found(path: str) -> Problem:
    return Problem(404, f"no such path: {path}", details={"path": path})


def method_not_allowed(method: str, allowed: str) -> Problem:
    """405 with the methods that there are. HEAD goes with GET and is not listed."""
    words = sorted(
        {w.strip() for w in allowed.split(",")} & {"GET", "POST", "PUT", "PATCH", "DELETE"}
    )
    details: dict[str, Any] = {"method": method}
    if len(words) > 1:
        details["allowed"] = words
    return Problem(405, "Method not allowed", details=details, headers={"Allow": ", ".join(words)})
