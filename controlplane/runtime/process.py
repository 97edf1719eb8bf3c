"""Instances as processes of this host, under a runner that outlives its servers."""

from __future__ import annotations

import asyncio
import fcntl
import os
import select
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from aicr.errors import AicrError, InvalidRequest, NotFound, Unavailable
from controlplane.http.log import log
from controlplane.runner import files, shim
from controlplane.runner.main import CHANGED, LOG, READY
from controlplane.runtime import logs
from controlplane.runtime.images import FILE, STACKS, ImageMap
from controlplane.runtime.protocol import ENDED, FAILED, Health, Instance, Line, Shown
from controlplane.runtime.workload import Workload
from controlplane.wire import Client, Json, Lost, line

STOPPING = "stopping"
_SPAWN_LOCK = "run/spawn.lock"
# Until a runner listens, seconds; and between tries to reach one.
_SPAWN_SECONDS, _AGAIN_SECONDS = 30.0, 1.0
# What the system allows for the path of a socket, less the zero at its end.
_SOCKET_BYTES = 107
# What a runner gets of the environment: everything else may hold secrets of the server.
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR")


class Process:
    """The runtime of one home. The runner is started when it is not there; `images` is the path of
    the image map (empty: that of the home), `options` are controlplane.runner.entries.Options.

    What it says of health is as of the last `list`, or of the start after it.
    """

    def __init__(
        self, home: str, images: str = "", options: Mapping[str, float] | None = None
    ) -> None:
        self._home, self._options = os.path.abspath(home), dict(options or {})
        self.images = ImageMap(images or os.path.join(self._home, FILE))
        self._seen: dict[str, Health] = {}
        self._ending: tuple[Instance, ...] = ()
        self._lock: int | None = None

    # ----------------------------------------------------------------------- what runtimes do

    def accepts(self, workload: Workload) -> bool:
        return not workload.get("image", "").startswith(STACKS)

    def start(self, instance: Instance, workload: Workload, secrets: Mapping[str, str]) -> None:
        message: Json = {"instance": list(instance), "workload": workload}
        try:
            message |= {"run": self.images.resolve(workload), "secrets": dict(secrets)}
        except AicrError as e:
            message["fault"] = e.message
        self._seen[instance.id] = _shown(self._ask("start", **message)).health

    def stop(self, id_: str) -> None:
        """Let it answer what it has, and end it, which takes a while."""
        self._ask("stop", id=id_)
        self._seen.pop(id_, None)

    def health(self, id_: str) -> Health:
        return self._seen.get(id_) or Health(FAILED, "it does not run")

    def list(self) -> list[Instance]:
        found = self.look()
        running = [s for s in found if s.health.state != STOPPING]
        self._ending = tuple(s.instance for s in found if s.health.state == STOPPING)
        self._seen = {s.instance.id: s.health for s in running}
        return [s.instance for s in running]

    def ending(self) -> tuple[Instance, ...]:
        return self._ending

    def work(self, id_: str) -> str | None:
        path = f"{files.directory(self._home, id_)}/{files.WORK}"
        return path if os.path.isdir(path) else None

    def look(self) -> tuple[Shown, ...]:
        return tuple(_shown(body) for body in self._ask("look"))

    def logs(self, id_: str, tail: int | None = None) -> Iterator[Line]:
        return iter(logs.last(logs.lines(self._log(id_)), tail))

    def follow(self, id_: str, tail: int | None = None) -> AsyncGenerator[Line, None]:
        return logs.follow(self._log(id_), tail, lambda: self._writes(id_))

    def logged(self, uid: str) -> tuple[str, ...]:
        return files.logged(self._home, uid)

    def _log(self, id_: str) -> str:
        try:
            path = files.logs(self._home, id_)
        except InvalidRequest as e:
            raise NotFound(e.message) from None
        if not os.path.isdir(path):
            raise NotFound(f"no log of an instance {id_}")
        return path

    def _writes(self, id_: str) -> bool:
        """Whether an instance may write to its log yet; when nobody knows, it may."""
        try:
            found = [s.health.state for s in self.look() if s.instance.id == id_]
        except Unavailable:
            return True
        return any(state not in (FAILED, ENDED) for state in found)

    def release(self) -> None:
        """No server is here any more."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def watch(self, wake: Callable[[], None]) -> None:
        """Also keep a runner there, and have it know that a server is."""
        while True:
            self.hold()
            lost = asyncio.Event()
            client = Client(lambda message: wake() if message["say"] == CHANGED else None, lost.set)
            try:
                await client.connect(f"{self._home}/{files.SOCKET}")
                wake()
                await lost.wait()
            except OSError:
                await self._bring()
            finally:
                await client.close()

    async def _bring(self) -> None:
        try:
            await asyncio.to_thread(self.spawn)
        except (AicrError, OSError) as e:  # the latter when there is no room, or no process left
            log("error", "no runner", error=str(e))
            await asyncio.sleep(_AGAIN_SECONDS)

    # ----------------------------------------------------------------------- only this one

    def hold(self) -> None:
        """Say that a server is here, as long as this process lives: without one the runner ends."""
        if self._lock is None:
            self._make_run()
            path = f"{self._home}/{files.SERVER_LOCK}"
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.lockf(handle, fcntl.LOCK_SH)
            except OSError:
                os.close(handle)
                raise
            self._lock = handle

    def _ask(self, do: str, **facts: Any) -> Any:
        try:
            return self._once(do, facts)
        except Lost:
            # What became of the first message is as unknown when the second one is refused.
            with suppress(Unavailable):
                self.spawn()
                return self._once(do, facts)
            raise
        except Unavailable:
            self.spawn()
        return self._once(do, facts)

    def _once(self, do: str, facts: Json) -> Any:
        with line(f"{self._home}/{files.SOCKET}") as connection:
            return connection.ask(do, **facts)

    # ----------------------------------------------------------------------- the runner itself

    def _make_run(self) -> None:
        os.makedirs(f"{self._home}/{files.RUN}", mode=0o700, exist_ok=True)

    def spawn(self) -> None:
        """Start a runner, unless there is one. Raises Unavailable."""
        self._make_run()
        if len(os.fsencode(f"{self._home}/{files.SOCKET}")) > _SOCKET_BYTES:
            raise Unavailable(f"{self._home} is too long a path for a socket: move AICR_HOME")
        path = f"{self._home}/{_SPAWN_LOCK}"
        with open(path, "ab") as f:
            fcntl.flock(f, fcntl.LOCK_EX)
            if shim.holder(f"{self._home}/{files.RUNNER_LOCK}") == 0:
                self._spawn()

    def _spawn(self) -> None:
        options = [f"{name}={value}" for name, value in self._options.items()]
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(os.path.abspath(p) for p in sys.path if p)
        with subprocess.Popen(
            [sys.executable, "-m", "controlplane.runner", self._home, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        ) as process:
            assert process.stdout is not None  # noqa: S101 (PIPE)
            heard = select.poll()
            heard.register(process.stdout, select.POLLIN)
            late = not heard.poll(_SPAWN_SECONDS * 1000)
            if late:
                process.kill()  # unless it is in the background already, where it may go on
            said = "" if late else process.stdout.readline().decode()
        where = f"{self._home}/{LOG}"
        if late:
            raise Unavailable(f"the runner is not ready after {_SPAWN_SECONDS:g} s: see {where}")
        if said != READY:
            raise Unavailable(f"the runner does not start: see {where}")
        log("info", "a runner was started", home=self._home)


def end(home: str, seconds: float) -> None:
    """Have a runner stop all its instances and end, and wait for that; nothing when there is none.
    One that needs longer goes on with it by itself."""
    try:
        with line(f"{home}/{files.SOCKET}") as connection:
            pid = int(connection.ask("end"))
    except Unavailable:
        return
    with suppress(ProcessLookupError), open(os.pidfd_open(pid), "rb") as handle:
        select.select([handle], [], [], seconds)


def _shown(body: Json) -> Shown:
    health = Health(body["state"], body["reason"], body["endpoint"], body["exit"])
    return Shown(Instance(*body["instance"]), health, body["isolation"], body["startedAt"])
