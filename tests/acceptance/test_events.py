"""The event stream of a real server with two workers: nothing is missed, and it ends with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from tests.acceptance.server import DEADLINE, Server
from tests.conftest import ROOT


class Said(NamedTuple):
    id: int
    type: str
    data: dict[str, Any]


class Stream:
    """A client of the stream, as browsers are."""

    def __init__(self, server: Server, token: str, after: int | None = None, last: int = 0) -> None:
        headers = {"Authorization": f"Bearer {token}"} | (
            {"Last-Event-ID": str(last)} if last else {}
        )
        params = {} if after is None else {"after": str(after)}
        self.answer = requests.get(
            f"{server.url}/v1/events", headers=headers, params=params, stream=True, timeout=DEADLINE
        )
        assert self.answer.status_code == 200
        self._lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)

    def __iter__(self) -> Iterator[Said]:
        fields: dict[str, str] = {}
        for line in self._lines:
            if not line and "id" in fields:
                yield Said(int(fields["id"]), fields["event"], json.loads(fields["data"]))
                fields = {}
            name, _, value = line.partition(": ")
            fields[name] = value

    def take(self, count: int) -> list[Said]:
        found = iter(self)
        return [next(found) for _ in range(count)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def server(tmp_path: Path, home: Path) -> Iterator[Server]:
    with Server(tmp_path / "log", "--workers", "2", AICR_HOME=str(home)) as made:
        yield made


def apply(server: Server, home: Path) -> None:
    command = [sys.executable, "-m", "aicr", "apply", "-f", "examples/staging", "--yes"]
    environment = {
        "AICR_HOME": str(home),
        "AICR_SERVER": server.url,
        "STAGING_WEBHOOK_SECRET": "feathers",
        "PYTHONPATH": str(ROOT),
    }
    ran = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


def test_every_reader_sees_everything_wherever_it_is_written(server: Server, home: Path) -> None:
    token = (home / "admin.token").read_text().strip()
    # Connections that both workers have some of.
    readers = [Stream(server, token) for _ in range(6)]
    assert readers[0].answer.headers["Content-Type"].startswith("text/event-stream")
    assert readers[0].answer.headers["Cache-Control"] == "no-store"
    apply(server, home)
    found = [reader.take(6) for reader in readers]
    assert all(f == found[0] for f in found)
    assert [s.type for s in found[0]] == ["applying", *["created"] * 4, "applied"]
    ids = [s.id for s in found[0]]
    # Whoever lost the connection goes on behind the last one, whatever its URL says.
    again = Stream(server, token, after=0, last=ids[2]).take(3)
    assert again == found[0][3:]
    assert Stream(server, token, after=ids[2]).take(3) == again


def test_the_end_of_the_server_ends_streams(server: Server, home: Path) -> None:
    token = (home / "admin.token").read_text().strip()
    readers = [Stream(server, token) for _ in range(4)]
    start = time.monotonic()
    server.signal(signal.SIGTERM)
    assert [list(reader) for reader in readers] == [[]] * 4
    assert server.process.wait(DEADLINE) == 0
    assert time.monotonic() - start < 10
    assert "Traceback" not in server.text()
