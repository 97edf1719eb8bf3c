"""Names in NATS. Streams are laid out as NVCF's workers know them (contracts, runtime 3): a work
queue for each function version, in which every request that waits is one message.

All other subjects are ours: what workers and runners say to each other, which nobody keeps.
"""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from controlplane.region import REGION

# What names in NATS may have everywhere, and how long one of ours may be.
_OTHERS = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST = 128
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Nats(NamedTuple):
    """Where JetStream is: URLs of its servers, the file of credentials for them, and how many of
    them keep what waits. Whoever has the same region has the same queues."""

    servers: tuple[str, ...] = ()
    credentials: str = ""
    replicas: int = 1
    region: str = REGION

    def stream(self, door: str) -> str:
        """The stream of a deployment: by the id of its version, or its name if it is declared."""
        return f"{self._prefix}{key_of(door)}"

    def key_in(self, stream: str) -> str:
        """The key of the door whose stream it is; nothing for others."""
        return stream.removeprefix(self._prefix) if stream.startswith(self._prefix) else ""

    @property
    def _prefix(self) -> str:
        return f"rq_{self.region}_"

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
        """Where all runners are asked who they are."""
        return f"aicr.queue.{self.region}.hosts"

    def host(self, host: str) -> str:
        """What one runner hears."""
        return f"aicr.queue.{self.region}.host.{host}"

    def owner(self, owner: str) -> str:
        """What one worker hears."""
        return f"aicr.queue.{self.region}.owner.{owner}"

    def echo(self, host: str, owner: str, hello: str) -> str:
        """What comes back to a runner of what it says to a worker since its last `hello`: an
        answer, or that nobody is there."""
        return f"aicr.queue.{self.region}.echo.{host}.{owner}.{hello}"


def key_of(door: str) -> str:
    """The name in an address, as it can stand in names of streams and in subjects. An id is itself;
    of others no two have the same."""
    name = door.split(".", 2)[-1]
    key = _OTHERS.sub(lambda found: f"={ord(found[0]):x}=", name)
    return key if len(key) <= _LONGEST else hashlib.sha256(name.encode()).hexdigest()


def is_name(word: object) -> bool:
    """Whether this can be the name of a worker, of a runner, or of a connection of one."""
    return isinstance(word, str) and _NAME.fullmatch(word) is not None
