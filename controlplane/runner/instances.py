"""The instances of a host: what is known of each, and what happens to it."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress

from aicr.errors import AicrError, Unavailable
from controlplane.http.log import log
from controlplane.runner import files, probe, shim
from controlplane.runner.broker import Broker
from controlplane.runner.ends import clean, gone, said, send
from controlplane.runner.entries import Entry, Options, give_up, known, specification, words
from controlplane.runner.nursery import Nursery
from controlplane.runner.states import (
    BROKE,
    DONE,
    ENDING,
    GONE,
    SICK,
    STOP,
    STOPPING,
    WELL,
    after,
)
from controlplane.runtime.protocol import FAILED, RUNNING, STARTING, Instance
from controlplane.wire import Command, Json, Peer

# So often in a row an instance may fail to answer before it is made to end.
PATIENCE = 3
# An instance whose port was taken by somebody else tries so many others.
PORTS = 3
_FIRST_LOOK, _DRAIN_LOOK = 0.004, 0.02
# After the grace, for a shim that does not do its work.
_SLACK = 10.0


class Instances:
    """All instances of one home."""

    def __init__(
        self, home: str, options: Options, doors: Broker, changed: Callable[[], None]
    ) -> None:
        self._home, self._options, self._doors, self._changed = home, options, doors, changed
        self._table: dict[str, Entry] = {}
        self._tasks: set[asyncio.Future[None]] = set()
        self._closing = False
        self.nursery = Nursery()

    @property
    def commands(self) -> dict[str, Command]:
        return {"start": self.start, "stop": self.stop, "look": self.look}

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._table)

    # ----------------------------------------------------------------------- commands

    def look(self, _: Peer, __: Json) -> list[Json]:
        """All of them, also those that are being stopped."""
        return [entry.shown() for entry in self._table.values()]

    def start(self, peer: Peer, message: Json) -> Json:
        """Start an instance, or else nothing: there is one of that id. How it is then."""
        instance = Instance(*message["instance"])
        known = self._table.get(instance.id)
        if self._closing:
            raise Unavailable("the runner is ending")
        if known is not None and known.state == STOPPING:
            known.again = (peer, message)
            return {**known.shown(), "state": STARTING, "reason": "the last one drains"}
        if known is None:
            known = self._begin(instance, message)
        return known.shown()

    def stop(self, _: Peer, message: Json) -> None:
        """Let an instance answer what it has, then end it. Nothing when there is none."""
        entry = self._table.get(message["id"])
        if entry is not None:
            entry.again = None
            self._stop(entry)

    async def end(self) -> None:
        """Stop all of them, and wait until they are gone."""
        self._closing = True
        entries = list(self._table.values())
        for entry in entries:
            entry.again = None
            self._stop(entry)
        for entry in entries:
            await entry.over.wait()
        await self.nursery.end()

    # ----------------------------------------------------------------------- starting

    def _begin(self, instance: Instance, message: Json) -> Entry:
        entry = Entry(instance, {})
        path = files.directory(self._home, instance.id)
        try:
            if message.get("fault"):
                raise Unavailable(message["fault"])
            entry.spec = self._spec(instance, message)
            files.make(path, entry.spec, message.get("secrets", {}))
        except (AicrError, OSError) as e:
            entry.state, entry.reason = FAILED, words(e)
        self._table[instance.id] = entry
        if entry.state == STARTING:
            self._do(self._cared(entry, path, self._live(entry, path, message)))
        return entry

    def _spec(self, instance: Instance, message: Json) -> Json:
        taken = {entry.port for entry in self._table.values()}
        return specification(self._home, self._options, instance, message, taken)

    async def _live(self, entry: Entry, path: str, message: Json) -> None:
        """From the start of an instance to its end."""
        for left in reversed(range(PORTS)):
            if entry.state != STARTING:
                self._happen(entry, BROKE)
                return
            try:
                entry.pid = await self.nursery.fork(path)
            except OSError as e:
                self._happen(entry, BROKE, f"cannot start a process: {e.strerror or e}")
                return
            if entry.state == STOPPING:
                self._do(self._drain(entry))
            await self._watched(entry, path)
            if not (left and self._lost_port(entry)):
                break
            log("warn", "a port was taken", instance=entry.instance.id, port=entry.port)
            try:
                entry.spec = self._spec(entry.instance, message)
                files.make(path, entry.spec, message.get("secrets", {}))
            except (AicrError, OSError) as e:
                self._happen(entry, BROKE, words(e))
                return
        self._ended(entry, path)

    async def _cared(self, entry: Entry, path: str, life: Awaitable[None]) -> None:
        """Whatever is wrong with a life, it has an end, and nothing of it goes on unseen."""
        try:
            await life
        except Exception as e:  # noqa: BLE001 (what is not known here is an end too)
            log("error", "the runner stumbled", instance=entry.instance.id, error=str(e), trace=e)
            send(entry.pid, signal.SIGKILL)
            with suppress(OSError):
                await asyncio.to_thread(clean, entry.spec, path)
            self._happen(entry, BROKE, f"the runner stumbled: {words(e)}")

    def _lost_port(self, entry: Entry) -> bool:
        """Whether an instance never came to listen because another process got its port first."""
        if entry.state != STARTING or not entry.port or entry.spec.get("once"):
            return False
        with closing(socket.socket()) as s:
            return s.connect_ex(("127.0.0.1", entry.port)) == 0

    # ----------------------------------------------------------------------- watching

    async def _watched(self, entry: Entry, path: str) -> None:
        """Look after an instance that has a shim, until it has none."""
        probing = self._do(self._probe(entry))
        try:
            await gone(entry.pid)
        finally:
            probing.cancel()
        entry.pid = 0  # which may be anybody's from now on
        if files.read(path, shim.EXIT) is None:
            await asyncio.to_thread(clean, entry.spec, path)

    async def _probe(self, entry: Entry) -> None:
        if not entry.port or entry.spec.get("once"):
            self._happen(entry, WELL)
            return
        pause, failed = _FIRST_LOOK, 0
        while True:
            why = await probe.ask(entry.port, entry.spec.get("probe"))
            failed = failed + 1 if why else 0
            if not why:
                self._happen(entry, WELL)
            elif entry.state == STARTING:
                entry.reason = why
            elif failed >= PATIENCE:
                self._happen(entry, SICK, f"not healthy: {why}")
            pause = min(pause * 1.3, self._options.eager)
            await asyncio.sleep(pause if entry.state == STARTING else self._options.period)

    def _ended(self, entry: Entry, path: str) -> None:
        found = files.read(path, shim.EXIT)
        entry.exit = None if found is None else found.get("exit")
        # What is told to end does not care; what was not well keeps saying so.
        reason = entry.reason if entry.state == ENDING else said(found)
        well = entry.exit == 0 and bool(entry.spec.get("once"))
        self._happen(entry, DONE if well else BROKE, "" if well else reason)

    # ----------------------------------------------------------------------- what happens

    def _happen(self, entry: Entry, what: str, reason: str = "") -> None:
        before, entry.state = entry.state, after(entry.state, what)
        if entry.state == before:
            return
        entry.reason = reason
        id_, path = entry.instance.id, files.directory(self._home, entry.instance.id)
        log("info", "an instance changed", instance=id_, state=entry.state, reason=reason)
        if before == RUNNING:
            self._doors.withdraw(id_)
        _ENTERED.get(entry.state, _nothing)(self, entry, path)
        self._changed()

    def _runs(self, entry: Entry, path: str) -> None:
        with suppress(OSError):
            shim.put(path, files.WAS_WELL, True)
        if entry.endpoint:
            id_, address = entry.instance.id, entry.instance.address
            self._doors.offer(address, id_, entry.endpoint, entry.spec.get("concurrency", 1))

    def _ends(self, entry: Entry, _: str) -> None:
        self._do(self._terminate(entry))

    def _stop(self, entry: Entry) -> None:
        path = files.directory(self._home, entry.instance.id)
        if entry.state in (STARTING, RUNNING, ENDING):
            with suppress(OSError):  # the next runner goes on with it
                shim.put(path, files.STOPPING, True)
        self._happen(entry, STOP)

    def _stops(self, entry: Entry, _: str) -> None:
        if entry.pid:
            self._do(self._drain(entry))

    def _forget(self, entry: Entry, path: str) -> None:
        del self._table[entry.instance.id]
        try:
            files.give_up(path)
            files.prune_logs(self._home, {files.key(id_) for id_ in self._table})
        except OSError as e:
            log("warn", "an instance left something", instance=entry.instance.id, error=str(e))
        self._do(asyncio.to_thread(files.sweep, self._home))
        entry.over.set()
        if entry.again is not None and not self._closing:
            self.start(*entry.again)

    async def _drain(self, entry: Entry) -> None:
        end = time.monotonic() + entry.spec["grace"]
        while self._doors.running(entry.instance.id) and time.monotonic() < end:
            await asyncio.sleep(_DRAIN_LOOK)
        await self._terminate(entry)

    async def _terminate(self, entry: Entry) -> None:
        """TERM, and after its grace KILL: both by the shim, unless it does not do its work."""
        send(entry.pid, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(entry.spec["grace"] + _SLACK):
                await gone(entry.pid)
                return
        send(entry.pid, signal.SIGKILL)

    # ----------------------------------------------------------------------- after a crash

    def adopt(self) -> None:
        """Know again what the last runner left."""
        for path in files.all_of(self._home):
            try:
                entry = known(self._home, path)
            except (AicrError, AttributeError, KeyError, TypeError, ValueError) as e:
                log("error", "an instance is not to be known", directory=path, error=str(e))
                entry = None
            if entry is None:
                give_up(path)
            else:
                self._adopt(entry, path)
        self._do(asyncio.to_thread(files.sweep, self._home))

    def _adopt(self, entry: Entry, path: str) -> None:
        self._table[entry.instance.id] = entry
        if entry.pid and files.read(path, files.WAS_WELL):
            self._happen(entry, WELL)
        if files.read(path, files.STOPPING):
            self._happen(entry, STOP)
        self._do(self._cared(entry, path, self._adopted(entry, path)))

    async def _adopted(self, entry: Entry, path: str) -> None:
        await self._watched(entry, path)
        self._ended(entry, path)

    def _do(self, work: Awaitable[None]) -> asyncio.Future[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Future[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (e := task.exception()) is not None:
            log("error", "the runner stumbled", error=str(e), trace=e)


def _nothing(_: Instances, __: Entry, ___: str) -> None:
    pass


_ENTERED: Mapping[str, Callable[[Instances, Entry, str], None]] = {
    RUNNING: Instances._runs,  # noqa: SLF001
    ENDING: Instances._ends,  # noqa: SLF001
    STOPPING: Instances._stops,  # noqa: SLF001
    GONE: Instances._forget,  # noqa: SLF001
}
