"""Our own images that serve, as their clients see them."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controlplane import samples

HERE = Path(samples.__file__).parent


@contextmanager
def serving(name: str, *arguments: str) -> Iterator[int]:
    """One that listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-I", "-S", str(HERE / f"{name}.py"), str(port), *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 30
            while True:
                with socket.socket() as s:
                    if s.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert time.monotonic() < end, f"{name} does not listen"
                assert process.poll() is None
            yield port
        finally:
            process.kill()


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    with serving("echo") as port:
        yield port


def ask(
    port: int, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    finally:
        connection.close()


def raw(port: int, *parts: bytes) -> bytes:
    """What comes back for these bytes, sent one after the other, until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        for part in parts:
            s.sendall(part)
        found = b""
        while data := s.recv(65536):
            found += data
    return found


@pytest.mark.parametrize("path", ["/health", "/v2/health/ready"])
def test_it_is_well(echo: int, path: str) -> None:
    assert ask(echo, "GET", path) == (200, "text/plain", b"ok")


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 5 * 1024 * 1024])
def test_bodies_come_back(echo: int, size: int) -> None:
    body = b"z" * size
    found = ask(echo, "POST", "/any/path?x=1", body, **{"Content-Type": "image/png"})
    assert found == (200, "image/png", body)


@pytest.mark.parametrize("size", [0, 1, 70_000, 1_000_000])
def test_chunked_bodies_come_back(echo: int, size: int) -> None:
    body = b"z" * size
    chunks = [body[i : i + 33_333] for i in range(0, size, 33_333)]
    connection = http.client.HTTPConnection("127.0.0.1", echo, timeout=30)
    connection.request("POST", "/", iter(chunks), {"Content-Type": "a/b"}, encode_chunked=True)
    answer = connection.getresponse()
    assert answer.read() == body
    connection.request("POST", "/", b"next")
    assert connection.getresponse().read() == b"next"
    connection.close()


def test_requests_behind_each_other(echo: int) -> None:
    one = b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na"
    last = b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 1\r\n\r\nb"
    found = raw(echo, one + one[:20], one[20:] + last)
    assert found.count(b"HTTP/1.1 200 OK") == 3
    assert found.endswith(b"\r\n\r\nb")


@pytest.mark.parametrize(
    "head",
    [
        b"nonsense\r\n\r\n",
        b"GET / SPDY/3\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_request(echo: int, head: bytes) -> None:
    assert raw(echo, head).startswith(b"HTTP/1.1 400 ")


def test_a_head_without_end(echo: int) -> None:
    assert raw(echo, b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000).startswith(b"HTTP/1.1 431 ")


def test_answers_as_late_as_asked(echo: int) -> None:
    body = json.dumps({"delay_ms": 80})
    began = time.monotonic()
    assert ask(echo, "POST", "/", body, **{"Content-Type": "application/json"})[2] == body.encode()
    assert time.monotonic() - began >= 0.08
    for wrong in ("[1]", '{"delay_ms": "x"}', '{"delay_ms": null}', '"delay_ms'):
        found = ask(echo, "POST", "/", wrong, **{"Content-Type": "application/json"})
        assert found[2] == wrong.encode()


def test_streams() -> None:
    with serving("stream") as port:
        assert ask(port, "GET", "/health")[0] == 200
        status, kind, body = ask(port, "POST", "/?events=3&interval_ms=1", b"ignored")
        assert (status, kind) == (200, "text/event-stream")
        assert body.count(b"data: ") == 3
        assert len(ask(port, "GET", "/?bytes=1000001&chunk=1000")[2]) == 1_000_001
        assert ask(port, "GET", "/?bytes=many")[0] == 400


def test_takes_its_time() -> None:
    with serving("slow", "--warm-up", "3600", "--answer", "0.01") as port:
        assert ask(port, "GET", "/health")[0] == 503
        assert json.loads(ask(port, "POST", "/", b"{}")[2]) == {"slept": 0.01}
        assert json.loads(ask(port, "POST", "/", b'{"delay_ms": 20}')[2]) == {"slept": 0.02}
    with serving("slow") as port:
        assert ask(port, "GET", "/health")[0] == 200
