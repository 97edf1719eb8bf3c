"""The instances of a host for requests that wait in JetStream: what the runner does for them.

For each free place one message is pulled; whose request it is gets the place from the runner's
broker, as if it had come through its socket, and the message is gone.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aicr.errors import Unavailable
from controlplane.http.log import log
from controlplane.queue.jetstream.connection import NOBODY, Outbox, connect, status, told
from controlplane.queue.jetstream.layout import Nats, key_of
from controlplane.queue.jetstream.streams import Streams
from controlplane.queue.protocol import HERE, advertised
from controlplane.queue.seats import AGAIN_SECONDS
from controlplane.wire import Json

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

    from controlplane.runner.broker import Broker

# Before anybody gets a place, all may say which ones they have.
SETTLE_SECONDS = 0.2
BEAT_SECONDS = 1.0
# A worker that does not answer for so long is gone.
DEAD_SECONDS = 10.0
# So many messages are asked for at a time behind one door, for so long each.
MAX_PULLS = 128
PULL_SECONDS = 30.0
# Words of JetStream: a message is done with, or is for somebody else; nothing came in that time.
_DONE, _NOT_MINE, _TIME_IS_UP = b"+ACK", b"-NAK", "408"


class Owner:
    """A worker, as the broker tells it things."""

    def __init__(self, name: str, host: Host) -> None:
        self.name, self.heard = name, time.monotonic()
        self._host = host

    def say(self, topic: str, **facts: Any) -> None:
        self._host.tell(self, {"say": topic, **facts})


@dataclass(slots=True)
class Pulls:
    """Since when messages of one door are asked for, the oldest first; and the number of the last
    one that came."""

    door: str
    since: deque[float] = field(default_factory=deque)
    last: int = 0

    def forget(self, before: float) -> None:
        """Answers that must have come by now were lost."""
        while self.since and self.since[0] < before:
            self.since.popleft()


class Host:
    """`id_` is the name of the runner, which those after it on the same host have as well;
    `address` is where other hosts reach its instances."""

    def __init__(self, nats: Nats, id_: str, broker: Broker, address: str = HERE) -> None:
        self._nats, self._id, self._broker, self._address = nats, id_, broker, address
        self._owners: dict[str, Owner] = {}
        self._greeted: set[str] = set()
        self._pulls: dict[str, Pulls] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> None:
        """Stay connected, until cancelled. Those that are answered are when the connection ends."""
        said = ""
        while True:
            try:
                await self._connected()
                said = ""
            except (OSError, Unavailable) as e:
                if str(e) != said:
                    log("warn", "JetStream cannot be reached", error=str(e))
                said = str(e)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _connected(self) -> None:
        """One connection, from its beginning to its end."""
        lost = asyncio.Event()
        client = await connect(self._nats, f"aicr runner {self._id}", lost.set)
        self._out, self._streams = Outbox(client), Streams(client, self._nats)
        self._run, self._inbox = secrets.token_hex(8), client.new_inbox()
        self._pulls.clear()
        self._greeted.clear()
        try:
            await self._listen(client)
            await self._settle()
            self._broker.on_vacant(self._pull)
            while not lost.is_set():
                self._beat()
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), BEAT_SECONDS)
        finally:
            self._broker.on_vacant(_nobody)
            for task in [*self._tasks]:
                task.cancel()
            if not lost.is_set():
                self._out.say(self._nats.news, {"say": "over", "host": self._id})
            await self._out.close()

    async def _listen(self, client: Client) -> None:
        with told():
            for subject in (self._nats.host(self._id), self._nats.hosts):
                await client.subscribe(subject, cb=self._on_said)
            await client.subscribe(self._nats.news, cb=self._on_news)
            await client.subscribe(self._nats.echo(self._id, "*"), cb=self._on_echo)
            await client.subscribe(f"{self._inbox}.*", cb=self._on_message)
            await client.flush()

    async def _settle(self) -> None:
        """Everybody says what it holds; who does not is not there any more."""
        self._say_here()
        await asyncio.sleep(SETTLE_SECONDS)
        for name in self._owners.keys() - self._greeted:
            self._bury(self._owners[name])

    def _say_here(self) -> None:
        self._out.say(self._nats.news, {"say": "host", "host": self._id, "run": self._run})

    def _beat(self) -> None:
        """What is looked after every second."""
        self._say_here()
        now = time.monotonic()
        for owner in [*self._owners.values()]:
            if now - owner.heard > DEAD_SECONDS:
                self._bury(owner)
            else:
                owner.say("ping")
        self._ask_again(now)

    def _ask_again(self, now: float) -> None:
        doors = self._broker.offered()
        for key, pulls in [*self._pulls.items()]:
            pulls.forget(now - PULL_SECONDS - BEAT_SECONDS)
            if not pulls.since and pulls.door not in doors:
                del self._pulls[key]
        for door in doors:
            self._pull(door)

    # ------------------------------------------------------------------ workers

    async def _on_said(self, message: Msg) -> None:
        said = json.loads(message.data)
        owner = self._owners.get(said["owner"])
        match said:
            case {"do": "hello", "held": held}:
                self._hello(said["owner"], held)
                if message.reply:
                    self._out.put(message.reply, b"")
            case {"do": "bye"} if owner is not None:
                self._gone(owner.name)
            case {"do": "give", "seats": seats} if owner is not None:
                own = [seat.partition("/")[2] for seat in seats]
                self._do(owner, "give", seats=own)
            case {"do": "returned", "round": number} if owner is not None:
                self._do(owner, "returned", round=number)
            case {"do": "loads"}:
                self._go(self._say_loads(owner, message.reply))

    def _hello(self, name: str, held: list[list[str]]) -> None:
        """What a worker holds here is all that it holds: what else it had it has given back."""
        if name in self._owners:
            self._gone(name)
        owner = self._owners[name] = Owner(name, self)
        owner.say("here", run=self._run)
        self._greeted.add(name)
        mine = [(seat.partition("/"), rest) for seat, *rest in held]
        own = [[seat, *rest] for (host, _, seat), rest in mine if host == self._id]
        self._do(owner, "hello", held=own)

    async def _on_news(self, message: Msg) -> None:
        """Who waits at a door gets what others keep there for a next request."""
        said = json.loads(message.data)
        if said["say"] != "crowd" or self._broker.free(said["door"]):
            return
        pulls = self._pulls.get(key_of(said["door"]))
        if pulls is not None and pulls.last < said["number"]:
            for owner in self._owners.values():
                owner.say("crowded", door=said["door"])

    async def _say_loads(self, owner: Owner | None, reply: str) -> None:
        """How many are answered behind each door."""
        loads = self._do(owner or Owner("", self), "loads")
        if isinstance(loads, Awaitable):
            loads = await loads
        self._out.say(reply, {door: load.running for door, load in loads.items()})

    def _do(self, owner: Owner, command: str, **facts: Any) -> Any:
        return self._broker.commands[command](owner, facts)

    def tell(self, owner: Owner, message: Json) -> None:
        """Say something to a worker; whether it is there comes back."""
        echo = self._nats.echo(self._id, owner.name)
        self._out.say(self._nats.owner(owner.name), {**message, "host": self._id}, echo)

    async def _on_echo(self, message: Msg) -> None:
        name = message.subject.rpartition(".")[2]
        if status(message) == NOBODY:
            self._gone(name)
        elif name in self._owners:
            self._owners[name].heard = time.monotonic()

    def _bury(self, owner: Owner) -> None:
        """Take a worker for dead; if it is not, it says again what it has."""
        self._gone(owner.name)
        owner.say("gone")

    def _gone(self, name: str) -> None:
        owner = self._owners.pop(name, None)
        if owner is not None:
            self._broker.gone(owner)

    # ------------------------------------------------------------------ what waits

    def _pull(self, door: str) -> None:
        """Ask for a message for each free place."""
        pulls = self._pulls.setdefault(key_of(door), Pulls(door))
        more = min(self._broker.free(door), MAX_PULLS) - len(pulls.since)
        if more > 0:
            pulls.since.extend([time.monotonic()] * more)
            self._go(self._ask(pulls, more))

    async def _ask(self, pulls: Pulls, many: int) -> None:
        try:
            await self._streams.ensure(pulls.door)
        except Unavailable:
            pulls.since.clear()  # the next beat tries again
            raise
        inbox = f"{self._inbox}.{key_of(pulls.door)}"
        data = json.dumps({"batch": 1, "expires": int(PULL_SECONDS * 1e9)}).encode()
        for _ in range(many):
            self._out.put(self._streams.next(pulls.door), data, inbox)

    async def _on_message(self, message: Msg) -> None:
        """A request, or why there is none."""
        said = status(message)
        # What waits comes under its own subject, and why nothing does under that of the question.
        words = message.subject.split(".")
        pulls = self._pulls.get(words[-1] if said else words[-2])
        if pulls is not None and pulls.since:
            pulls.since.popleft()
        if not said:
            self._on_request(message, pulls)
        elif pulls is not None and said == _TIME_IS_UP:
            self._pull(pulls.door)
        elif pulls is not None and said == NOBODY:
            self._streams.forget(pulls.door)  # it is made again with the next beat

    def _on_request(self, message: Msg, pulls: Pulls | None) -> None:
        if pulls is None or not self._broker.free(pulls.door):
            self._out.put(message.reply, _NOT_MINE)
            return
        pulls.last = max(pulls.last, message.metadata.sequence.stream)
        self._seat(pulls.door, json.loads(message.data))
        self._out.put(message.reply, _DONE)

    def _seat(self, door: str, ticket: Json) -> None:
        """A place for a request. Its worker may be gone: that will be said."""
        name, request = ticket["owner"], ticket["request"]
        owner = self._owners.setdefault(name, Owner(name, self))
        seat, instance, endpoint = self._do(
            owner, "take", door=door, request=request, order=0
        ).result()
        place = [f"{self._id}/{seat}", instance, advertised(endpoint, self._address), door]
        owner.say("place", request=request, place=place)

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (e := task.exception()) is not None:
            log("warn", "JetStream did not do something", error=str(e))


def _nobody(_: str) -> None:
    """Who is told of free places, when nobody is."""
