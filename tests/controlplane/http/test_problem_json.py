"""Errors in the vendor's form, byte for byte (contract 3.1)."""

from __future__ import annotations

import pytest

from aicr.errors import Conflict
from controlplane.http.problem_json import DIALECT, body
from controlplane.http.problems import Problem, Refused, of_error

NAMES = [
    (400, "Bad Request", "bad-request"),
    (403, "Forbidden", "forbidden"),
    (404, "Not Found", "not-found"),
    (409, "Conflict", "conflict"),
    (413, "Payload Too Large", "payload-too-large"),
    (415, "Unsupported Media Type", "unsupported-media-type"),
    (422, "Unprocessable Entity", "unprocessable-entity"),
    (429, "Too Many Requests", "too-many-requests"),
    (500, "Internal Server Error", "internal-server-error"),
    (503, "Service Unavailable", "service-unavailable"),
    (504, "Gateway Timeout", "gateway-timeout"),
]


@pytest.mark.parametrize(("status", "title", "kebab"), NAMES)
def test_what_a_service_refuses(status: int, title: str, kebab: str) -> None:
    assert body(Refused(status, "Slow down."), "/v1/keys/K/authorizations", "r").decode() == (
        f'{{"type":"urn:nv-boot:problem-details:{kebab}","title":"{title}","status":{status},'
        '"detail":"Slow down.","instance":"/v1/keys/K/authorizations"}'
    )


@pytest.mark.parametrize(("status", "title", "kebab"), NAMES)
def test_what_the_framework_refuses_has_no_type(status: int, title: str, kebab: str) -> None:
    assert body(Problem(status, "words"), "/v1/x", "r").decode() == (
        f'{{"title":"{title}","status":{status},"detail":"words","instance":"/v1/x"}}'
    )


def test_a_blank_message_is_the_phrase() -> None:
    assert b'"detail":"Not Found"' in body(Refused(404, ""), "/", "")


@pytest.mark.parametrize("kind", [Refused, Problem])
def test_nobody_is_told_nothing(kind: type[Problem]) -> None:
    assert body(kind(401, "who are you"), "/v1/keys", "r") == b""


def test_details_stay_inside() -> None:
    problem = Problem(409, "words", details={"secret": "x"})
    assert b"secret" not in body(problem, "/", "r")
    assert b"request" not in body(problem, "/", "request")


def test_errors_of_the_engine() -> None:
    said = body(of_error(Conflict("access.keys.a is protected")), "/v1/keys/a", "")
    assert said == (
        b'{"title":"Conflict","status":409,"detail":"access.keys.a is protected","instance":"/v1/keys/a"}'
    )


def test_text_of_any_kind() -> None:
    said = body(Refused(400, 'ü "<&>"'), "/\u2028", "")
    assert said.decode() == (
        '{"type":"urn:nv-boot:problem-details:bad-request","title":"Bad Request","status":400,'
        '"detail":"ü \\"<&>\\"","instance":"/\u2028"}'
    )


def test_the_media_type() -> None:
    assert ("application/problem+json", body) == DIALECT
