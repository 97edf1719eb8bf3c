"""A host with a runner: real processes below a directory, of which none may be left over."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from controlplane.runner import files, shim
from controlplane.runtime.process import Process, end
from controlplane.runtime.protocol import Instance
from controlplane.runtime.workload import Probe, Workload

DEADLINE = 30.0
PROBE: Probe = {"protocol": "HTTP", "uri": "/health", "port": 8000, "timeout": 5.0, "status": 200}
ECHO: Workload = {
    "image": "samples.aicr.local/echo:1",
    "port": 8000,
    "probe": PROBE,
    "concurrency": 2,
    "grace": 10.0,
}


def instance(name: str = "0.0", uid: str = "uid") -> Instance:
    return Instance(f"{uid}/{name}/digest", f"test.things.{uid}", name, "digest")


class Host:
    """A home with its runtime; scripts stand in for images."""

    def __init__(self, home: Path, **options: float) -> None:
        self.home = home
        home.mkdir(exist_ok=True)
        self.process = Process(str(home), options=options)

    def script(self, name: str, body: str, **more: Any) -> Workload:
        """A workload that runs Python; its image is the name."""
        path = self.home / f"{name}.py"
        path.write_text(body)
        images = self.home / "images.yaml"
        known = json.loads(images.read_text())["images"] if images.exists() else []
        command = [sys.executable, "-I", "-S", str(path), "{port}"]
        known.insert(0, {"image": f"test.local/{name}", "command": command, "isolation": "none"})
        images.write_text(json.dumps({"images": known}))
        return {"image": f"test.local/{name}:1", "grace": 10.0, **more}  # type: ignore[typeddict-item]

    def start(self, workload: Workload, name: str = "0.0", uid: str = "uid", **secrets: str) -> str:
        found = instance(name, uid)
        self.process.start(found, workload, secrets)
        return found.id

    def state(self, id_: str) -> str:
        return {s.instance.id: s.health.state for s in self.process.look()}.get(id_, "gone")

    def reason(self, id_: str) -> str:
        return {s.instance.id: s.health.reason for s in self.process.look()}[id_]

    def until(self, id_: str, *states: str) -> None:
        """Wait for the runner to say that it is so."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as ear:
            ear.settimeout(DEADLINE)
            self.process.look()  # brings a runner
            ear.connect(f"{self.home}/{files.SOCKET}")
            said = ear.makefile("rb")
            while (now := self.state(id_)) not in states:
                assert said.readline(), f"{id_} is {now}, not {states}, and the runner is gone"

    def endpoint(self, id_: str) -> str:
        return next(s.health.endpoint for s in self.process.look() if s.instance.id == id_)

    def ask(self, id_: str, body: bytes = b"hello", path: str = "/") -> bytes:
        request = urllib.request.Request(f"http://{self.endpoint(id_)}{path}", body)
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:  # noqa: S310 (ours)
            found: bytes = answer.read()
        return found

    def text(self, id_: str) -> list[str]:
        return [line.text for line in self.process.logs(id_)]

    def directory(self, id_: str) -> Path:
        return Path(files.directory(str(self.home), id_))

    def child(self, id_: str) -> int:
        """The pid of the command."""
        return int(json.loads((self.directory(id_) / shim.CHILD).read_text())["pid"])

    def shim(self, id_: str) -> int:
        return int(json.loads((self.directory(id_) / shim.SHIM).read_text())["pid"])

    @property
    def runner(self) -> int:
        return shim.holder(f"{self.home}/{files.RUNNER_LOCK}")

    def kill_runner(self) -> None:
        kill(self.runner)

    def processes(self) -> list[tuple[int, str]]:
        """Everything that runs because of this home."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                line = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                cookie = Path(f"/proc/{name}/environ").read_bytes()
                if (
                    f"{self.home}/run" in line
                    or f"={self.home}/run".encode() in cookie
                    or f"controlplane.runner {self.home}" in line
                ):
                    found.append((int(name), line))
        return found


def wait_for_end(pid: int) -> None:
    """Wait for the end of a process, whoever's child it is; not at all when it is gone."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], DEADLINE)[0], f"{pid} goes on"
    finally:
        os.close(handle)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_for_end(pid)


@contextmanager
def running(home: Path, **options: float) -> Iterator[Host]:
    """A host that is left without any process."""
    host = Host(home, **options)
    host.process.hold()
    try:
        yield host
    finally:
        host.process.release()
        host.process.look()  # a runner that was killed left things behind
        end(str(home), DEADLINE)
    assert host.processes() == []
