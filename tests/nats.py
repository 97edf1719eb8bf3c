"""A real NATS server with JetStream for tests, from the wheel that brings it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from controlplane.queue.jetstream.layout import Nats

PROGRAM = Path(sys.executable).with_name("nats-server")


class NatsServer:
    """One server on a port of its own, which it has again when it comes back from the dead."""

    def __init__(self, place: str, *, jetstream: bool = True) -> None:
        self._place, self._more = Path(place), ["-js", "-sd", place] if jetstream else []
        self._port = -1
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        for old in self._place.glob("*.ports"):
            old.unlink()
        where = ["-a", "127.0.0.1", "-p", str(self._port), "--ports_file_dir", str(self._place)]
        command = [str(PROGRAM), *self._more, *where]
        with (self._place / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self._port = self._listens()

    def _listens(self) -> int:
        assert self._process is not None
        ports = self._place / f"nats-server_{self._process.pid}.ports"
        until = time.monotonic() + 20
        while time.monotonic() < until:
            assert self._process.poll() is None, (self._place / "log").read_text()
            if ports.exists() and (text := ports.read_text()):
                return int(json.loads(text)["nats"][0].rpartition(":")[2])
            time.sleep(0.01)
        raise AssertionError((self._place / "log").read_text())

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def nats(self) -> Nats:
        """Queues that no other test has."""
        return Nats((self.url,), region=f"t{uuid4().hex}")

    def freeze(self) -> None:
        """It answers nobody any more."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None


@contextmanager
def nats_server(*, jetstream: bool = True) -> Iterator[NatsServer]:
    with tempfile.TemporaryDirectory(prefix="aicr-nats-", ignore_cleanup_errors=True) as place:
        server = NatsServer(place, jetstream=jetstream)
        server.start()
        try:
            yield server
        finally:
            server.kill()
