"""The runner's edge: alone by a lock, on a socket, until nobody needs it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress

from controlplane.http.log import log
from controlplane.queue.jetstream.recruit import COMMAND
from controlplane.runner import files, isolation, shim
from controlplane.runner.broker import Broker
from controlplane.runner.entries import Options
from controlplane.runner.instances import Instances
from controlplane.runner.recruited import Recruited
from controlplane.wire import Json, Peer, Server

LOG, LOG_BYTES = "run/runner.log", 1024 * 1024
# Workers look for a new runner about ten times a second.
SETTLE_SECONDS = 0.3
# What it says on its standard output, once, when it can be asked.
READY = "ready\n"
# What it says to everybody when an instance has changed.
CHANGED = "changed"


def main(arguments: Sequence[str]) -> int:
    """`python -m controlplane.runner HOME [NAME=SECONDS …]`: go into the background and run."""
    home = os.path.abspath(arguments[0])
    given = dict(argument.split("=", 1) for argument in arguments[1:])
    options = Options(**{name: float(value) for name, value in given.items()})
    if os.fork():
        return 0
    os.setsid()
    os.umask(0o077)
    for name in (files.INSTANCES, files.LOGS):
        os.makedirs(f"{home}/{name}", mode=0o700, exist_ok=True)
    os.chdir("/")
    lock = alone(f"{home}/{files.RUNNER_LOCK}")
    if lock is None:
        return 1
    _write_to(f"{home}/{LOG}", 2)
    try:
        asyncio.run(Runner(home, options).run())
    except Exception as e:  # noqa: BLE001 (the log is all that is left of it)
        log("error", "the runner failed", error=str(e), trace=e)
        return 1
    return 0


def alone(path: str) -> int | None:
    """The lock of the only runner, held as long as this process; None when another one has it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _write_to(path: str, *handles: int) -> None:
    """Standard streams go to a log, of which one older file is kept."""
    with suppress(FileNotFoundError):
        if os.stat(path).st_size > LOG_BYTES:
            os.replace(path, f"{path}.1")
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for handle in handles:
        os.dup2(opened, handle)
    os.close(opened)


class Runner:
    """One process of a home."""

    def __init__(self, home: str, options: Options) -> None:
        self._home, self._options = home, options

    async def run(self) -> None:
        """Until it is asked to end, or nobody is there for whom it runs anything."""
        self._over = asyncio.Event()
        broker = Broker()
        self._instances = Instances(self._home, self._options, broker, self._changed)
        recruited = Recruited(self._home, broker)
        commands = {
            **self._instances.commands,
            **broker.commands,
            COMMAND: recruited.ask,
            "end": self._end,
        }
        self._server = Server(commands, broker.gone)
        broker.close()
        self._instances.adopt()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._over.set)
        listening = await self._server.listen(f"{self._home}/{files.SOCKET}")
        # Before anybody gets a place, those of the last runner may say which ones they have.
        loop.call_later(SETTLE_SECONDS if self._instances.any else 0, broker.open)
        await self._instances.nursery.start()
        isolation.default()  # looked at now, so that the first instance does not wait for that
        with suppress(OSError):  # whoever started it waits no longer
            os.write(1, READY.encode())
        _write_to(f"{self._home}/{LOG}", 1, 2)
        log("info", "the runner runs", pid=os.getpid())
        watching = asyncio.create_task(self._watch_out())
        await self._over.wait()
        await self._instances.end()
        await recruited.end()
        watching.cancel()
        listening.close()
        await self._server.end()
        with suppress(FileNotFoundError):
            os.unlink(f"{self._home}/{files.SOCKET}")
        log("info", "the runner ends", pid=os.getpid())

    def _changed(self) -> None:
        self._server.say(CHANGED)

    def _end(self, _: Peer, __: Json) -> int:
        """Stop everything. The pid, whose end is the end of that."""
        self._over.set()
        return os.getpid()

    async def _watch_out(self) -> None:
        """End when no server held its lock for a while."""
        seen = time.monotonic()
        while True:
            await asyncio.sleep(min(max(self._options.deadman / 10, 0.02), 5.0))
            _write_to(f"{self._home}/{LOG}", 1, 2)
            if shim.holder(f"{self._home}/{files.SERVER_LOCK}"):
                seen = time.monotonic()
            elif time.monotonic() - seen >= self._options.deadman:
                log("warn", "no server was there", seconds=self._options.deadman)
                self._over.set()
