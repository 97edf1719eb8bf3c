"""Names in NATS. Streams are laid out as NVCF's workers know them (contracts, runtime 3): a work
queue for each function version, in which every request that waits is one message.

All other subjects are ours: what workers and runners say to each other, which nobody keeps.
"""

from __future__ import annotations

from typing import NamedTuple

from controlplane.region import REGION


class Nats(NamedTuple):
    """Where JetStream is: URLs of its servers, the file of credentials for them, and how many of
    them keep what waits. Whoever has the same region has the same queues."""

    servers: tuple[str, ...] = ()
    credentials: str = ""
    replicas: int = 1
    region: str = REGION

    def stream(self, door: str) -> str:
        """The stream of a deployment: by the id of its version, or its name if it is declared."""
        return f"rq_{self.region}_{key_of(door)}"

    def consumer(self, door: str) -> str:
        """Through which all runners pull."""
        return f"{self.stream(door)}_workers"

    def subjects(self, door: str) -> str:
        return f"rq.{self.region}.{key_of(door)}.>"

    def subject(self, door: str, request: str) -> str:
        return f"rq.{self.region}.{key_of(door)}.{request}"

    @property
    def limits(self) -> str:
        """The bucket of what is counted: rate limits of functions."""
        return f"aicr_limits_{self.region}"

    @property
    def news(self) -> str:
        """What everybody hears."""
        return f"aicr.queue.{self.region}.news"

    @property
    def hosts(self) -> str:
        """What all runners hear."""
        return f"aicr.queue.{self.region}.hosts"

    def host(self, host: str) -> str:
        """What one runner hears."""
        return f"aicr.queue.{self.region}.host.{host}"

    def owner(self, owner: str) -> str:
        """What one worker hears."""
        return f"aicr.queue.{self.region}.owner.{owner}"

    def echo(self, host: str, owner: str) -> str:
        """What comes back to a runner of what it says to a worker: an answer, or that nobody is
        there."""
        return f"aicr.queue.{self.region}.echo.{host}.{owner}"


def key_of(door: str) -> str:
    """The last word of an address."""
    return door.rpartition(".")[2]
