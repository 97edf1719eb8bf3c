"""The client: what it says to a server, and what it makes of the answers."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from aicr import errors
from aicr.errors import InvalidRequest
from controlplane.client import Remote
from controlplane.home import home
from controlplane.plan.builder import Options
from controlplane.plan.definition import Plan
from controlplane.planner import Asked
from tests.controlplane.engines import manifest

EMPTY = Plan("lineage", 3, "", "", "", (), (), 0)


def planned(plan: Plan = EMPTY) -> dict[str, Any]:
    return {
        "id": plan.digest,
        "status": "planned",
        "outcome": {},
        "warnings": ["w"],
        "plan": {**plan.body(), "digest": plan.digest},
    }


class Stub:
    """A server that answers what a test says, and knows what it was asked."""

    def __init__(self) -> None:
        self.status, self.body, self.headers = 200, b"{}", {}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def _any(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                stub.asked.append((self.command, self.path, dict(self.headers), data))
                self.send_response(stub.status)
                for name, value in stub.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(stub.body)))
                self.end_headers()
                self.wfile.write(stub.body)

            do_GET = do_POST = _any  # noqa: N815

            def log_message(self, *_: Any) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def says(self, body: Any, status: int = 200, **headers: str) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status, self.headers = status, headers

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def stub() -> Iterator[Stub]:
    made = Stub()
    yield made
    made.end()


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AICR_HOME", str(tmp_path / "home"))
    for name in ("AICR_TOKEN", "AICR_SERVER", "http_proxy", "HTTP_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def bearer(stub: Stub) -> str | None:
    return stub.asked[-1][2].get("Authorization")


# --------------------------------------------------------------------------- credentials


@pytest.mark.parametrize("url", ["", "aicr:8080", "ftp://aicr", "http://", "/state.db"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="--server"):
        Remote(url)


def test_the_credential_of_this_host(stub: Stub) -> None:
    stub.says(planned())
    Remote(stub.url).destroy()
    assert bearer(stub) is None
    token = home().token()
    Remote(stub.url).destroy()
    assert bearer(stub) == f"Bearer {token}"


def test_a_token_goes_before_it(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    home().token()
    monkeypatch.setenv("AICR_TOKEN", " given\n")
    stub.says(planned())
    Remote(stub.url).destroy()
    assert bearer(stub) == "Bearer given"


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.2:1", True),
        ("http://[::1]:1", True),
        ("http://aicr.example.com", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_it_stays_on_this_host(url: str, here: bool) -> None:
    token = home().token()
    assert Remote(url)._token == (token if here else "")


def test_a_redirection_does_not_take_it_along(stub: Stub) -> None:
    home().token()
    other = Stub()
    try:
        stub.says({}, 302, Location=f"{other.url}/v1/state")
        with pytest.raises(errors.Unavailable, match="answered 302"):
            Remote(stub.url).state()
        assert other.asked == []
    finally:
        other.end()


def test_nor_does_a_proxy_see_it(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Stub()
    try:
        monkeypatch.setenv("http_proxy", proxy.url)
        stub.says(planned())
        Remote(stub.url).destroy()
        assert proxy.asked == []
        proxy.says(planned())
        Remote("http://aicr.example.com").destroy()
        assert proxy.asked[0][1] == "http://aicr.example.com/v1/plans"
    finally:
        proxy.end()


# --------------------------------------------------------------------------- what is said


def test_a_plan(stub: Stub) -> None:
    stub.says(planned())
    one = manifest({"test.things.one": {"size": 1}})._replace(depth=2)
    wanted = Asked([one], {"region": "europe"}, {"env:A": "value"}, Options(prune=True))
    made = Remote(f"{stub.url}/").plan(wanted)
    assert made == (EMPTY, ["w"])
    method, path, headers, data = stub.asked[0]
    assert (method, path, headers["Content-Type"]) == ("POST", "/v1/plans", "application/json")
    document = {
        "name": "all.yaml",
        "document": one.doc.value,
        "positions": json.loads(json.dumps(one.doc.positions)),
        "depth": 2,
    }
    assert json.loads(data) == {
        "documents": [document],
        "for": {"region": "europe"},
        "secrets": {"env:A": "value"},
        "prune": True,
    }


def test_wishes(stub: Stub) -> None:
    stub.says(planned())
    Remote(stub.url).wish("adopt", {"b", "a"})
    Remote(stub.url).destroy()
    assert [json.loads(data) for *_, data in stub.asked] == [
        {"action": "adopt", "addresses": ["a", "b"]},
        {"destroy": True},
    ]


def test_an_apply(stub: Stub) -> None:
    stub.says({"digest": "d", "status": "applied", "done": 1, "total": 1, "serial": 9})
    outcome = Remote(stub.url).apply(EMPTY, {"env:A": "value"})
    assert outcome.serial == 9
    method, path, _, data = stub.asked[0]
    assert (method, path) == ("POST", f"/v1/plans/sha256%3A{EMPTY.digest[7:]}/apply")
    assert json.loads(data) == {"secrets": {"env:A": "value"}}


def test_a_plan_that_the_server_does_not_know(stub: Stub) -> None:
    stub.says({"code": "NOT_FOUND", "message": "no plan"}, 404)
    with pytest.raises(errors.NotFound, match="it was not made by http"):
        Remote(stub.url).apply(EMPTY, {})


# --------------------------------------------------------------------------- what is answered

STATUSES = [
    (400, errors.InvalidRequest, 2),
    (401, errors.Unauthorized, 4),
    (403, errors.Forbidden, 4),
    (404, errors.NotFound, 3),
    (409, errors.Conflict, 2),
    (410, errors.Gone, 3),
    (413, errors.InvalidRequest, 2),
    (429, errors.RateLimited, 7),
    (500, errors.Unavailable, 6),
    (502, errors.Unavailable, 6),
    (503, errors.Unavailable, 6),
    (504, errors.Timeout, 5),
    (507, errors.Full, 6),
]


@pytest.mark.parametrize(("status", "kind", "code"), STATUSES)
def test_errors(stub: Stub, status: int, kind: type[errors.AicrError], code: int) -> None:
    stub.says({"message": "so it is", "details": {"a": 1}}, status)
    with pytest.raises(kind, match="so it is") as caught:
        Remote(stub.url).state()
    assert caught.value.exit_code == code
    assert caught.value.details == {"a": 1}
    stub.says(b"<html>", status)
    with pytest.raises(kind):
        Remote(stub.url).state()


@pytest.mark.parametrize(
    ("code", "shown"),
    [("STALE_PLAN", "STALE_PLAN"), ("stale", "CONFLICT"), ("A\n[B]", "CONFLICT"), (1, "CONFLICT")],
)
def test_codes_of_the_server_are_its_own_words(stub: Stub, code: Any, shown: str) -> None:
    stub.says({"code": code, "message": "m"}, 409)
    with pytest.raises(errors.Conflict) as caught:
        Remote(stub.url).state()
    assert str(caught.value) == f"[{shown}] m"


def test_who_is_refused_is_told_by_which_credential(
    stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub.says({"message": "no"}, 401)

    def said() -> str:
        with pytest.raises(errors.Unauthorized) as caught:
            Remote(stub.url).state()
        return caught.value.message

    assert said() == "no (set AICR_TOKEN)"
    token = home().token()
    assert said() == f"no ({stub.url} does not know the credential in {home().path})"
    monkeypatch.setenv("AICR_TOKEN", "secret")
    assert said() == f"no ({stub.url} does not know AICR_TOKEN)"
    assert token not in said()


@pytest.mark.parametrize("body", [b"", b"hello", [], {}, {"lineage": "x"}, {"plan": 1}, None])
def test_what_is_no_aicr(stub: Stub, body: Any) -> None:
    stub.says(body)
    remote = Remote(stub.url)
    for call in (remote.state, remote.destroy, lambda: remote.restore({})):
        with pytest.raises(errors.AicrError) as caught:
            call()
        assert stub.url in caught.value.message


def test_another_plan_than_it_names(stub: Stub) -> None:
    stub.says({**planned(), "id": f"sha256:{'0' * 64}"})
    with pytest.raises(errors.Unavailable, match="not the one it names"):
        Remote(stub.url).destroy()


def test_nobody_there() -> None:
    gone = Stub()
    gone.end()
    with pytest.raises(errors.Unavailable, match=r"cannot reach .* \(--server, AICR_SERVER\)"):
        Remote(gone.url).state()


@pytest.mark.parametrize(
    "token", ["can\nary", "can\r\n ary", "can ary", "canär", "can\x7fary", "can\0ary"]
)
def test_a_token_that_fits_no_header_is_not_printed(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setattr("os.environ", {**os.environ, "AICR_TOKEN": token})
    with pytest.raises(InvalidRequest) as caught:
        Remote("http://127.0.0.1:1").state()
    assert caught.value.message == "AICR_TOKEN must be visible ASCII characters without blanks"
