"""Instances and the doors that they stand behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest, Unavailable
from controlplane.runner import ends, entries, files, isolation, shim
from controlplane.runner.entries import Options
from controlplane.runner.instances import Instances
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
            free = entries.free_port
            ports = iter([taken])
            monkeypatch.setattr(
                entries, "free_port", lambda taken: next(ports, None) or free(taken)
            )
            # Somebody else's answers do not count as its own: it asks only what is its own.
            probe = {"protocol": "HTTP", "uri": "/", "port": 1, "timeout": 5.0, "status": 200}
            world.start("a/b/c", probe=probe)
            await world.until("a/b/c", RUNNING)
            assert world.doors.offered["a/b/c"][1] not in ("", f"127.0.0.1:{taken}")

    live(test)


@pytest.mark.parametrize("wrong", [OSError(28, "No space left on device"), RuntimeError("no idea")])
def test_an_instance_that_finds_no_room_for_another_port_has_failed(
    live: Any, monkeypatch: Any, wrong: Exception
) -> None:
    make, calls = files.make, iter([0])

    def once(*given: Any) -> None:
        if next(calls, None) is None:
            raise wrong
        make(*given)

    async def test(world: World) -> None:
        monkeypatch.setattr(files, "make", once)
        monkeypatch.setattr(world.instances, "_lost_port", lambda _: True)
        world.start("a/b/c", "")
        await world.until("a/b/c", FAILED)
        (shown,) = world.instances.look(NOBODY, {})
        assert str(wrong.args[-1]) in shown["reason"]
        world.stop("a/b/c")
        assert world.state("a/b/c") == "gone"

    live(test)


def test_an_instance_is_watched_also_when_no_file_could_be_opened(
    live: Any, monkeypatch: Any
) -> None:
    pidfd_open, failures = os.pidfd_open, iter([OSError(24, "Too many open files")])

    def fragile(pid: int) -> int:
        for failure in failures:
            raise failure
        return pidfd_open(pid)

    async def test(world: World) -> None:
        monkeypatch.setattr(ends, "_AGAIN_SECONDS", 0.0)
        monkeypatch.setattr(os, "pidfd_open", fragile)
        world.start("a/b/c")
        await world.until("a/b/c", RUNNING)
        world.stop("a/b/c")
        await world.until("a/b/c", "gone")

    live(test)


def test_an_instance_over_which_the_runner_stumbles_is_no_more(live: Any, monkeypatch: Any) -> None:
    async def test(world: World) -> None:
        async def stumble(entry: Any, _: str) -> None:
            pids.append(entry.pid)
            raise RuntimeError("no idea")

        monkeypatch.setattr(world.instances, "_watched", stumble)
        world.start("a/b/c")
        await world.until("a/b/c", FAILED)
        (shown,) = world.instances.look(NOBODY, {})
        assert shown["reason"] == "the runner stumbled: no idea"
        await ends.gone(pids[0])

    pids: list[int] = []
    live(test)


MALFORMED = {
    "list": [],
    "instance": {"instance": ["a"]},
    "nothing": {"instance": ["nothing", "a", "n", "d"]},
    "other": {"instance": ["else", "a", "n", "d"]},
    "nowhere": {"instance": ["..", "a", "n", "d"]},
}


def test_what_no_runner_wrote_is_in_nobodys_way(live: Any, tmp_path: Path) -> None:
    """And no process is killed for it that only has the number of a shim."""
    sleeper = subprocess.Popen(["/bin/sleep", "600"])
    for name, spec in MALFORMED.items():
        path = tmp_path / files.INSTANCES / name
        path.mkdir(parents=True)
        shim.put(str(path), shim.SPEC, spec)
        shim.put(str(path), shim.SHIM, {"pid": sleeper.pid, "identity": "of another boot"})

    async def test(world: World) -> None:
        world.instances.adopt()
        assert world.instances.look(NOBODY, {}) == []

    try:
        live(test)
        assert os.listdir(tmp_path / files.INSTANCES) == []
        sent = os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        assert sent is None
    finally:
        sleeper.kill()
        sleeper.wait()


@pytest.mark.parametrize("held", [None, [], {}, {"pid": "1", "identity": "x"}, {"pid": 1}])
def test_what_says_nothing_of_a_shim(held: Any) -> None:
    assert ends.lives(held) == 0
    pid = os.getpid()
    assert ends.lives({"pid": pid, "identity": shim.identity(pid)}) == pid
    assert ends.lives({"pid": pid, "identity": "x"}) == 0
    assert ends.lives({"pid": 2**30, "identity": ""}) == 0


def test_what_an_instance_leaves_is_removed_beside_the_loop(
    live: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    removed = []
    rmtree = shutil.rmtree

    def note(path: str, **more: Any) -> None:
        removed.append(threading.current_thread() is threading.main_thread())
        rmtree(path, **more)

    async def test(world: World) -> None:
        world.start("a/b/c")
        await world.until("a/b/c", RUNNING)
        monkeypatch.setattr(shutil, "rmtree", note)
        world.stop("a/b/c")
        await world.until("a/b/c", "gone")

    live(test)
    assert removed == [False]
    assert os.listdir(tmp_path / files.INSTANCES) == []


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
