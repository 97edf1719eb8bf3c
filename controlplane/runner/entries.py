"""One instance as the runner knows it, and as it is written for the next runner."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from collections.abc import Container
from contextlib import closing
from typing import NamedTuple

from controlplane.http.log import log
from controlplane.runner import files, isolation, shim
from controlplane.runner.ends import lives, send
from controlplane.runner.states import SHOWN
from controlplane.runtime.protocol import STARTING, Instance
from controlplane.wire import Json, Peer


class Options(NamedTuple):
    """Times in seconds: how long nobody may be there before everything ends, between looks at what
    runs, what may drain and end where a workload does not say, and between looks at starting ones
    at most."""

    deadman: float = 60.0
    period: float = 5.0
    grace: float = 30.0
    eager: float = 0.25


# What is kept of a workload as it is.
_KEPT = ("probe", "concurrency", "once", "directories")
# What the specification of an instance says, beside whose it is, that is used after a crash.
_WRITTEN = ("after", "environment", "grace", "isolation", "port")


class Entry:
    """One instance. `pid` is its shim's; 0 while there is none."""

    def __init__(self, instance: Instance, spec: Json) -> None:
        self.instance, self.spec = instance, spec
        self.state, self.reason = STARTING, ""
        self.exit: int | None = None
        self.pid = 0
        self.again: tuple[Peer, Json] | None = None
        self.over = asyncio.Event()

    @property
    def port(self) -> int:
        return int(self.spec.get("port", 0))

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}" if self.port else ""

    def shown(self) -> Json:
        return {
            "instance": list(self.instance),
            "state": SHOWN.get(self.state, self.state),
            "reason": self.reason,
            "endpoint": self.endpoint,
            "exit": self.exit,
            "isolation": self.spec.get("isolation", ""),
            "startedAt": self.spec.get("startedAt", ""),
        }


def specification(
    home: str, options: Options, instance: Instance, message: Json, taken: Container[int]
) -> Json:
    """Everything about an instance but the values of its secrets; its port is none that is taken.
    Raises AicrError."""
    workload, run = message["workload"], message["run"]
    path = files.directory(home, instance.id)
    port = free_port(taken) if workload.get("port") else 0
    place = isolation.Place(home, path, port, bool(message.get("secrets")))
    environment = {**workload.get("environment", {}), shim.COOKIE: path}
    how = isolation.started(run, environment, place)
    kept = {k: workload[k] for k in _KEPT if k in workload}
    return {
        "instance": list(instance),
        **kept,
        "command": how.command,
        "environment": how.environment,
        "isolation": how.isolation,
        "after": how.after,
        "private": how.private,
        "port": port,
        "directory": f"{path}/work",
        "logs": files.logs(home, instance.id),
        "lock": f"{home}/{files.RUNNER_LOCK}",
        "deadman": options.deadman,
        "grace": workload.get("grace", options.grace),
        "startedAt": shim.stamp(time.time_ns()),
    }


def free_port(taken: Container[int]) -> int:
    """A port that nobody has now, and that none of ours was promised."""
    while True:
        with closing(socket.socket()) as s:
            s.bind(("127.0.0.1", 0))
            port = int(s.getsockname()[1])
        if port not in taken:
            return port


def known(home: str, path: str) -> Entry | None:
    """What a directory says of its instance; None of a start that was cut off. Raises AicrError
    or what Python does where it is not what a runner wrote."""
    spec, held = files.read(path, shim.SPEC), files.read(path, shim.SHIM)
    if spec is None or held is None:
        return None
    entry = Entry(Instance(*map(str, spec["instance"])), spec)
    if files.directory(home, entry.instance.id) != path:
        raise ValueError("it is another one's")
    if missing := [name for name in _WRITTEN if name not in spec]:
        raise KeyError(*missing)
    entry.pid = lives(held)
    return entry


def give_up(path: str) -> None:
    """A start that was cut off: its shim finds nothing to start, or was just there."""
    try:
        there = files.give_up(path)
        send(lives(files.read(there, shim.SHIM)) if there else 0, signal.SIGKILL)
        files.kill_members(path)
    except OSError as e:
        log("warn", "an instance left something", directory=path, error=str(e))


def words(e: Exception) -> str:
    return str(getattr(e, "message", None) or e)
