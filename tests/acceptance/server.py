"""A real server for tests: `aicr serve` as users start it, on a port that the system picks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar

import requests

Found = TypeVar("Found")
DEADLINE = 30.0


def until(look: Callable[[], Found | None], what: str, deadline: float = DEADLINE) -> Found:
    """The first value that is not None (or false); fails when the deadline passes without."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {deadline} s for {what}")


class Server:
    """One server; use it as a context. Settings are environment variables; unless they say so it
    runs nothing."""

    def __init__(self, log: Path, *arguments: str, **environment: str) -> None:
        self._log = log
        plenty = {
            "AICR_RATE_LIMIT": "1000000",
            "AICR_RATE_BURST": "1000000",
            "AICR_RUNTIME": "none",
        }
        command = [sys.executable, "-m", "aicr", "serve", "--port", "0", *arguments]
        with log.open("wb") as err:
            self.process = subprocess.Popen(
                command,
                stderr=err,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **plenty, **environment}
                | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )
        self.port = 0

    def __enter__(self) -> Self:
        try:
            self.port = until(self._listening, f"the server to listen: {self.text()}")
            until(self._ready, "the server to be ready")
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        finally:
            self.process.kill()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def text(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def lines(self) -> list[dict[str, Any]]:
        """The log; every line of it must be JSON."""
        return [json.loads(line) for line in self.text().splitlines()]

    def get(self, path: str, **more: Any) -> requests.Response:
        return requests.get(self.url + path, timeout=DEADLINE, **more)

    def post(self, path: str, **more: Any) -> requests.Response:
        return requests.post(self.url + path, timeout=DEADLINE, **more)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def _listening(self) -> int | None:
        assert self.process.poll() is None, self.text()
        for line in self.text().splitlines():
            _, found, rest = line.partition("Listening at: http://127.0.0.1:")
            if found:
                return int(rest.split()[0])
        return None

    def _ready(self) -> bool:
        try:
            return self.get("/ready").status_code == 200
        except requests.ConnectionError:
            return False
