"""What the plane refuses, as NVIDIA's does (contract 3.3 and 7): problem+json without `type` and
`instance`, or plain text where the vendor's framework speaks."""

from __future__ import annotations

from http import HTTPStatus

from controlplane.http import bodies
from controlplane.http.problems import Problem

PROBLEM, TEXT = b"application/problem+json", b"text/plain; charset=utf-8"
# Something did not happen in time.
LATE = 504
Pairs = list[tuple[bytes, bytes]]


class Refusal(Exception):
    """An answer that is an error; `headers` are more of it."""

    def __init__(
        self, status: int, body: bytes = b"", kind: bytes = b"", headers: Pairs | None = None
    ) -> None:
        super().__init__(status)
        self.status, self.body, self.kind, self.headers = status, body, kind, headers or []


class Gone(Exception):
    """Whoever asked is not there any more: nobody is answered."""


def problem(status: int, detail: str = "", headers: Pairs | None = None) -> Refusal:
    document: dict[str, object] = {"status": status, "title": HTTPStatus(status).phrase}
    if detail:
        document["detail"] = detail
    return Refusal(status, bodies.compact(document), PROBLEM, headers)


def text(status: int, words: str, headers: Pairs | None = None) -> Refusal:
    return Refusal(status, words.encode(), TEXT, headers)


def no_authorization() -> Refusal:
    challenge = [(b"www-authenticate", b"Bearer")]
    return text(401, "Header of type `authorization` was missing", challenge)


def of(refused: Problem) -> Refusal:
    """What stands before the plane refuses: who asks, and what they may do."""
    headers = [(n.lower().encode(), v.encode()) for n, v in refused.headers.items()]
    return problem(refused.status, refused.message, headers)


def bad_host() -> Refusal:
    words = "a request needs exactly one valid Host header of an allowed name"
    return problem(400, words, [(b"connection", b"close")])


def bad_id(name: str, given: str) -> Refusal:
    return text(400, f"Invalid URL: Cannot parse `{name}` with value `{given}` to a `Uuid`")


def bad_poll() -> Refusal:
    return problem(400, "failed to parse poll duration")


def bad_asset() -> Refusal:
    return problem(400, "failed to parse input asset references: each must be a UUID")


def bad_wrapper(why: str) -> Refusal:
    return problem(400, f"the body is no invocation request: {why}")


def no_asset(asset: str) -> Refusal:
    return problem(404, f"Asset id '{asset}': Not found")


def no_function(function: str, version: str) -> Refusal:
    of_version = f" version '{version}'" if version else ""
    return problem(404, f"Specified function '{function}'{of_version} is not found")


def degraded(function: str) -> Refusal:
    return problem(400, f"Function '{function}' is degraded: none of its instances answers")


def no_queue(function: str) -> Refusal:
    return problem(404, f"Queue of function '{function}' not found: it is likely not deployed")


def no_request() -> Refusal:
    return problem(404)


def no_path() -> Refusal:
    return problem(404)


def no_method(allowed: str) -> Refusal:
    return problem(405, "", [(b"allow", allowed.encode())])


def too_many_waiting(words: str) -> Refusal:
    return problem(429, words)


def too_often() -> Refusal:
    return problem(429)


def nobody_came() -> Refusal:
    """No instance took the request in time; it never will be delivered."""
    return Refusal(LATE)


def broken(why: str) -> Refusal:
    """The function was asked, and did not answer as it should."""
    return problem(500, f"the function did not answer: {why}")


def too_large(most: int) -> Refusal:
    """The function answered somebody who polls."""
    return problem(500, f"the answer has more than {most} bytes: they are not kept for a poll")


def owner_gone() -> Refusal:
    return problem(500, "the result is lost: nobody waits for it any more")


def ending() -> Refusal:
    return problem(503, "the server is ending", [(b"connection", b"close")])


def internal() -> Refusal:
    return problem(500, "internal server error")
