"""What a runtime is: it starts and stops instances, and says what it sees of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

from controlplane.runtime.workload import Workload

STARTING, RUNNING, FAILED = "starting", "running", "failed"
# Of what ends by itself, and did so well.
ENDED = "ended"


class Instance(NamedTuple):
    """Something that runs for a resource. `name` tells instances of one resource apart, `digest` is
    of what it was started with."""

    id: str
    address: str
    name: str
    digest: str


class Health(NamedTuple):
    """How an instance is: starting, running, failed or ended, and why. `endpoint` is where it
    listens, as host:port; `exit` is the status of a process that is gone."""

    state: str
    reason: str = ""
    endpoint: str = ""
    exit: int | None = None


class Shown(NamedTuple):
    """An instance as people are shown it, also one that is being stopped (state "stopping");
    `isolation` keeps it apart from its host, `started` is RFC 3339."""

    instance: Instance
    health: Health
    isolation: str = ""
    started: str = ""


class Line(NamedTuple):
    """A line of a log: when it was begun (RFC 3339), by which stream (stdout or stderr)."""

    time: str
    stream: str
    text: str


class Runtime(Protocol):
    """Every call may be made again: starting what runs and stopping what is gone do nothing."""

    def accepts(self, workload: Workload) -> bool:
        """Whether this is a place for such a thing at all."""

    def start(self, instance: Instance, workload: Workload, secrets: Mapping[str, str]) -> None:
        """Start it with these values of its secrets, by their names."""

    def stop(self, id_: str) -> None: ...

    def health(self, id_: str) -> Health: ...

    def list(self) -> list[Instance]: ...

    def ending(self) -> tuple[Instance, ...]:
        """Those that were stopped and are not gone yet, as of the last `list`."""

    def work(self, id_: str) -> str | None:
        """The directory of an instance that `{work}` of its workload stands for, as it is seen from
        here; None where there is none (any more)."""

    def look(self) -> tuple[Shown, ...]:
        """Everything that is there, for people."""

    def logs(self, id_: str, tail: int | None = None) -> Iterator[Line]:
        """The log of an instance, or its last so many lines; also for a while of one that is gone.
        Raises NotFound when nothing is known of it."""

    def follow(self, id_: str, tail: int | None = None) -> AsyncGenerator[Line, None]:
        """The same, and what comes, until the instance is gone."""

    def logged(self, uid: str) -> tuple[str, ...]:
        """The ids of the instances of a resource whose logs are known, also of those that are
        gone, in order."""

    async def watch(self, wake: Callable[[], None]) -> None:
        """Call `wake` whenever an instance has changed, until cancelled."""
