"""Answers that are too large: where their clients are sent, and what they find there."""

from __future__ import annotations

import io
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from controlplane.services.invoke import archives, results
from controlplane.services.invoke.archives import CONTENT, LARGE_BYTES
from tests.controlplane.services.invoke.conftest import Answer, Served
from tests.controlplane.services.invoke.test_invocation import Raw
from tests.controlplane.services.nvcf.conftest import ALL, Nvcf


@pytest.fixture(scope="module")
def served(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    nvcf = Nvcf(home=str(tmp_path_factory.mktemp("home")), large_responses=True)
    nvcf.admin = nvcf.token(*ALL, "invoke_function")
    found = Served(nvcf)
    yield found
    found.close()
    nvcf.close()


def says(size: int, kind: str = "text/plain", status: str = "200 OK") -> type[Raw]:
    """A function that answers so many bytes."""

    class Large(Raw):
        answer = staticmethod(lambda _: (
            f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {size}\r\n\r\n".encode()
            + bytes(size)
        ))  # fmt: skip

    return Large


@pytest.fixture
def function(served: Served) -> Callable[[type[Raw]], dict[str, Any]]:
    return lambda protocol: served.function(served.listen(protocol))


def fetched(served: Served, answer: Answer) -> bytes:
    """What is in the archive that an answer leads to; nobody needs a bearer for it."""
    where = urlsplit(answer.headers["location"])
    assert (where.scheme, where.netloc) == ("http", f"127.0.0.1:{served.port}")
    assert where.path == f"{CONTENT}/{answer.id}"
    found = served.call("GET", f"{where.path}?{where.query}", bearer="")
    assert (found.status, found.headers["content-type"]) == (200, "application/zip")
    with zipfile.ZipFile(io.BytesIO(found.body)) as archive:
        assert archive.namelist() == [f"{answer.id}.response"]
        return archive.read(f"{answer.id}.response")


def test_what_is_large_is_had_elsewhere(served: Served, function: Any) -> None:
    made = function(says(LARGE_BYTES + 1))
    answer = served.invoke(made)
    assert (answer.status, answer.body) == (302, b"")
    assert (answer.headers["nvcf-status"], answer.headers["content-type"]) == ("fulfilled", None)
    assert fetched(served, answer) == bytes(LARGE_BYTES + 1)
    assert fetched(served, answer) == bytes(LARGE_BYTES + 1)  # as often as one likes


def test_what_is_not_larger_is_sent(served: Served, function: Any) -> None:
    answer = served.invoke(function(says(LARGE_BYTES)))
    assert (answer.status, len(answer.body)) == (200, LARGE_BYTES)
    assert answer.headers["content-type"] == "text/plain"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/event-stream", "200 OK"), ("Text/Event-Stream; charset=utf-8", "200 OK"),
     ("text/plain", "500 Internal Server Error"), ("text/plain", "404 Not Found")],
)  # fmt: skip
def test_streams_and_errors_are_sent(served: Served, function: Any, kind: str, status: str) -> None:
    answer = served.invoke(function(says(LARGE_BYTES + 1, kind, status)))
    assert (answer.status, len(answer.body)) == (int(status[:3]), LARGE_BYTES + 1)


def test_what_is_invoked_directly_is_sent(served: Served, function: Any) -> None:
    made = function(says(LARGE_BYTES + 1))
    answer = served.call("POST", "/any", b"{}", function_id=made["id"])
    assert (answer.status, len(answer.body)) == (200, LARGE_BYTES + 1)


def test_a_wrapper_has_a_reference(served: Served, function: Any) -> None:
    made = function(says(LARGE_BYTES + 1))
    body = json.dumps({"requestBody": {}})
    answer = served.call("POST", f"/v2/nvcf/exec/functions/{made['id']}", body)
    assert answer.status == 200
    said = answer.json
    assert said["status"] == "fulfilled"
    assert urlsplit(said["responseReference"]).path == f"{CONTENT}/{said['reqId']}"


def test_a_poll_is_sent_there_as_well(served: Served, function: Any) -> None:
    large = says(LARGE_BYTES + 1)

    class Slow(large):  # type: ignore[misc, valid-type]
        def got(self, data: bytes) -> None:
            if b"\r\n\r\n" in self.data:
                served.loop.call_later(1.2, super().got, b"")

    answer = served.invoke(function(Slow), NVCF_POLL_SECONDS="1")
    assert answer.status == 202
    found = served.poll(answer.id, NVCF_POLL_SECONDS="20")
    assert found.status == 302
    assert fetched(served, found) == bytes(LARGE_BYTES + 1)
    assert served.poll(answer.id).status == 404


def test_only_the_url_that_was_given_out_is_good(served: Served, function: Any) -> None:
    first = served.invoke(function(says(LARGE_BYTES + 1)))
    where = urlsplit(first.headers["location"])
    other = "00000000-0000-4000-8000-000000000000"
    for path in (where.path, f"{where.path}?expires=1&signature=x",
                 f"{CONTENT}/{other}?{where.query}", f"{where.path}?{where.query}x"):  # fmt: skip
        assert served.call("GET", path).status == 403, path
    assert served.call("GET", f"{CONTENT}/none?{where.query}").status == 400


def test_it_is_forgotten_with_the_results(
    served: Served, function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = served.invoke(function(says(LARGE_BYTES + 1)))
    where = urlsplit(answer.headers["location"])
    expires = int(parse_qs(where.query)["expires"][0])
    plane = served.nvcf.program._invoking.plane
    assert expires <= time.time() + results.KEEP_SECONDS
    plane.results.sweep(time.time() + results.KEEP_SECONDS + 5)
    assert served.call("GET", f"{where.path}?{where.query}").status == 404


def test_what_is_too_large_even_so_leaves_nothing(
    served: Served, function: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", LARGE_BYTES + 10)
    answer = served.invoke(function(says(LARGE_BYTES + 5_000_000)))
    assert (answer.status, answer.headers["nvcf-status"]) == (500, "errored")
    held = Path(served.nvcf.program.settings.home, "run/results")
    assert [name for name in os.listdir(held) if name.startswith(answer.id)] == []


def test_a_connection_that_is_cut_is_no_archive(served: Served, function: Any) -> None:
    class Cut(Raw):
        def got(self, _: bytes) -> None:
            head = f"HTTP/1.1 200 OK\r\ncontent-length: {2 * LARGE_BYTES}\r\n\r\n".encode()
            self.transport.write(head + bytes(LARGE_BYTES + 100_000))
            self.transport.close()

    answer = served.invoke(function(Cut))
    assert (answer.status, answer.headers["nvcf-status"]) == (500, "errored")
