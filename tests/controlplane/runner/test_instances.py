"""Instances and the doors that they stand behind."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest, Unavailable
from controlplane.runner import files, isolation
from controlplane.runner.instances import Instances, Options
from controlplane.runtime.protocol import FAILED, RUNNING, STARTING

ADDRESS = "nvcf.deployments.v"
SERVE = "import http.server, sys; http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()"
NOBODY: Any = None


class Doors:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.offered: dict[str, tuple[str, str, int]] = {}
        self.busy: dict[str, int] = {}

    def offer(self, door: str, instance: str, endpoint: str, places: int) -> None:
        self.offered[instance] = (door, endpoint, places)

    def withdraw(self, instance: str) -> None:
        self.offered.pop(instance, None)

    def running(self, instance: str) -> int:
        return self.busy.get(instance, 0)


class World:
    """Instances on the loop of a test, and a way to wait until something is so."""

    def __init__(self, home: Path) -> None:
        self.doors, self._changed = Doors(), asyncio.Event()
        options = Options(deadman=60.0, period=0.02, grace=5.0, eager=0.02)
        self.instances = Instances(str(home), options, self.doors, self._changed.set)

    def state(self, id_: str) -> str:
        shown = self.instances.look(NOBODY, {})
        return next((s["state"] for s in shown if s["instance"][0] == id_), "gone")

    async def until(self, id_: str, state: str) -> None:
        while self.state(id_) != state:
            await asyncio.wait_for(self._changed.wait(), 30)
            self._changed.clear()

    def start(self, id_: str, code: str = SERVE, **workload: Any) -> Any:
        run = {
            "image": "x",
            "command": [sys.executable, "-I", "-S", "-c", code, "{port}"],
            "env": {},
            "isolation": "none",
            "port": 8000,
        }
        message = {
            "instance": [id_, ADDRESS, "n", "d"],
            "run": run,
            "workload": {"port": 8000, "concurrency": 3, **workload},
        }
        return self.instances.start(NOBODY, message)

    def stop(self, id_: str) -> None:
        self.instances.stop(NOBODY, {"id": id_})


@pytest.fixture
def live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[World], Awaitable[None]]], None]:
    """Runs a test with a world, which ends with it. This process is the runner: it holds the lock."""
    monkeypatch.setenv("PATH", str(tmp_path))
    isolation.missing_bubblewrap.cache_clear()
    for name in (files.INSTANCES, files.LOGS):
        (tmp_path / name).mkdir(parents=True)

    def run(test: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            world = World(tmp_path)
            try:
                await asyncio.wait_for(test(world), 60)
            finally:
                world.doors.busy.clear()
                await world.instances.end()

        asyncio.run(main())

    return run


def test_an_instance_that_is_well_is_offered(live: Any) -> None:
    async def test(world: World) -> None:
        world.start("a/b/c")
        assert world.doors.offered == {}
        await world.until("a/b/c", RUNNING)
        (shown,) = world.instances.look(NOBODY, {})
        assert world.doors.offered == {"a/b/c": (ADDRESS, shown["endpoint"], 3)}

    live(test)


def test_draining_lets_what_runs_end(live: Any) -> None:
    async def test(world: World) -> None:
        world.start("a/b/c")
        await world.until("a/b/c", RUNNING)
        world.doors.busy["a/b/c"] = 2
        host, port = world.doors.offered["a/b/c"][1].split(":")
        world.stop("a/b/c")
        assert world.doors.offered == {}, "nobody comes any more"
        world.stop("a/b/c")
        for left in (1, 0):
            (await asyncio.open_connection(host, int(port)))[1].close()
            assert world.state("a/b/c") == "stopping"
            world.doors.busy["a/b/c"] = left
        await world.until("a/b/c", "gone")

    live(test)


def test_draining_has_an_end(live: Any) -> None:
    async def test(world: World) -> None:
        world.start("a/b/c", grace=0.05)
        await world.until("a/b/c", RUNNING)
        world.doors.busy["a/b/c"] = 1
        world.stop("a/b/c")
        await world.until("a/b/c", "gone")

    live(test)


def test_what_ends_is_withdrawn(live: Any) -> None:
    async def test(world: World) -> None:
        code = SERVE.replace(".serve_forever()", ".handle_request()")
        world.start("a/b/c", code)
        await world.until("a/b/c", FAILED)
        assert world.doors.offered == {}

    live(test)


def test_a_port_that_somebody_took_is_left_to_them(live: Any, monkeypatch: Any) -> None:
    """Of a race for a port that was lost nobody hears anything."""

    async def test(world: World) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = other.getsockname()[1]
            free = world.instances._free_port
            ports = iter([taken])
            monkeypatch.setattr(world.instances, "_free_port", lambda: next(ports, None) or free())
            # Somebody else's answers do not count as its own: it asks only what is its own.
            probe = {"protocol": "HTTP", "uri": "/", "port": 1, "timeout": 5.0, "status": 200}
            world.start("a/b/c", probe=probe)
            await world.until("a/b/c", RUNNING)
            assert world.doors.offered["a/b/c"][1] not in ("", f"127.0.0.1:{taken}")

    live(test)


def test_nothing_starts_while_everything_ends(live: Any) -> None:
    async def test(world: World) -> None:
        assert world.start("a/b/c")["state"] == STARTING
        await world.instances.end()
        assert world.state("a/b/c") == "gone"
        with pytest.raises(Unavailable):
            world.start("a/b/d")

    live(test)


def test_ids_that_are_none(live: Any) -> None:
    async def test(world: World) -> None:
        with pytest.raises(InvalidRequest, match="no id of an instance"):
            world.start("../../x y")

    live(test)
