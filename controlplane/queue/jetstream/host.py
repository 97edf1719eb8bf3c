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
from controlplane.queue.jetstream.connection import NOBODY, Outbox, connect, our_errors, status
from controlplane.queue.jetstream.layout import Nats, is_name, key_of
from controlplane.queue.jetstream.owners import Buried, Owner
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
# So many messages are asked for at a time behind one door, for so long each: a question that a
# server has lost is noticed when that is over.
MAX_PULLS = 128
PULL_SECONDS = 5.0
# Words of JetStream: a message is done with, is for somebody else, or for nobody; nothing came in
# that time.
_DONE, _NOT_MINE, _FOR_NOBODY, _TIME_IS_UP = b"+ACK", b"-NAK", b"+TERM", "408"


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
    `address` is where other hosts reach its instances. One that comes after another one of the same
    broker has the same workers."""

    def __init__(
        self,
        nats: Nats,
        id_: str,
        broker: Broker,
        address: str = HERE,
        before: Host | None = None,
    ) -> None:
        self._nats, self._id, self._broker, self._address = nats, id_, broker, address
        self._owners: dict[str, Owner] = {} if before is None else before._owners  # noqa: SLF001
        for owner in self._owners.values():
            owner.tell = self._tell
        self._buried = Buried()
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
            except Exception as e:  # noqa: BLE001 (whatever it was, others wait)
                log("error", "the runner's part in the queue failed", error=repr(e), trace=e)
            await asyncio.sleep(AGAIN_SECONDS)

    async def _connected(self) -> None:
        """One connection, from its beginning to its end."""
        lost = asyncio.Event()
        client = await connect(self._nats, f"aicr runner {self._id}", lost.set)
        self._out, self._streams = Outbox(client, lost.set), Streams(client, self._nats)
        self._session, self._since = secrets.token_hex(8), time.monotonic()
        self._inbox = client.new_inbox()
        self._pulls.clear()
        try:
            await self._listen(client)
            await self._settle()
            self._broker.on_vacant(self._pull)
            while not (lost.is_set() or client.is_closed):
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
        with our_errors():
            # What workers say of what they hold comes by one subscription: each has its own order.
            await client.subscribe(self._nats.host(self._id), cb=self._on_said)
            await client.subscribe(self._nats.hosts, cb=self._on_said)
            await client.subscribe(self._nats.news, cb=self._on_news)
            await client.subscribe(self._nats.echo(self._id, "*", "*"), cb=self._on_echo)
            await client.subscribe(f"{self._inbox}.*", cb=self._on_message)
            await client.flush()

    async def _settle(self) -> None:
        """Let everybody say what it holds. Who is known already has as long as anybody who says
        nothing: it may come back later than this runner."""
        for owner in self._owners.values():
            owner.heard = self._since
            owner.forget()
            owner.say("here", session=self._session)
        self._say_here()
        await asyncio.sleep(SETTLE_SECONDS)

    def _say_here(self) -> None:
        said = {"say": "host", "host": self._id, "session": self._session}
        self._out.say(self._nats.news, said)

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
        doors = set(self._broker.offered())
        for key, pulls in [*self._pulls.items()]:
            pulls.forget(now - PULL_SECONDS - BEAT_SECONDS)
            if not pulls.since and pulls.door not in doors:
                del self._pulls[key]
        for door in doors:
            self._pull(door)

    # ------------------------------------------------------------------ workers

    async def _on_said(self, message: Msg) -> None:
        said = json.loads(message.data)
        name = said.get("owner")
        if not is_name(name):
            return
        owner = self._owners.get(name)
        match said:
            case {"do": "who"}:
                here = {"say": "here", "host": self._id, "session": self._session}
                self._out.say(self._nats.owner(name), here)
                if message.reply:  # the first answer is waited for
                    self._out.say(message.reply, here)
            case {"do": "hello", "held": held, "got": got}:
                self._hello(name, held, got)
            case {"do": "holds", "held": held} if owner is not None:
                self._do(owner, "hello", held=_unnamed(held))
            case {"do": "bye"} if owner is not None:
                self._gone(name)
            case {"do": "give", "seats": seats} if owner is not None:
                own = [seat.partition("/")[2] for seat in seats]
                owner.gave(own)
                self._do(owner, "give", seats=own)
            case {"do": "returned", "round": number} if owner is not None:
                self._do(owner, "returned", round=number)
            case {"do": "loads"} if message.reply:
                self._go(self._say_loads(owner or Owner(name, self._tell), message.reply))

    def _hello(self, name: str, held: list[list[str]], got: int) -> None:
        """What a worker holds here, and what is on its way to it, is all that it holds: what else
        it had it has given back."""
        owner = self._owners.setdefault(name, Owner(name, self._tell))
        owner.got(got)
        owner.heard, owner.session = time.monotonic(), self._session
        owner.hellos += 1
        self._buried.discard(name)
        self._broker.gone(owner)
        self._do(owner, "hello", held=[*_unnamed(held), *owner.on_the_way()])

    async def _say_loads(self, owner: Owner, reply: str) -> None:
        """How many are answered behind each door."""
        loads = self._do(owner, "loads")
        if isinstance(loads, Awaitable):
            loads = await loads
        self._out.say(reply, {door: load.running for door, load in loads.items()})

    def _do(self, owner: Owner, command: str, **facts: Any) -> Any:
        return self._broker.commands[command](owner, facts)

    def _tell(self, owner: Owner, message: Json) -> None:
        """Say something to a worker; whether it is there comes back."""
        echo = self._nats.echo(self._id, owner.name, str(owner.hellos))
        self._out.say(self._nats.owner(owner.name), {**message, "host": self._id}, echo)

    async def _on_echo(self, message: Msg) -> None:
        *_, name, hellos = message.subject.split(".")
        owner = self._owners.get(name)
        if owner is None or str(owner.hellos) != hellos:
            return
        if status(message) != NOBODY:
            owner.heard = time.monotonic()
            owner.got(int(message.data))
        elif owner.session in ("", self._session) or owner.heard > self._since:
            self._gone(name)
        # Else it has lost NATS as this runner had, and comes back, or is dead after a while.

    async def _on_news(self, message: Msg) -> None:
        """Who waits at a door gets what others keep there for a next request."""
        match json.loads(message.data):
            case {"say": "crowd", "door": door, "number": number} if not self._broker.free(door):
                pulls = self._pulls.get(key_of(door))
                if pulls is not None and pulls.last < number:
                    for owner in self._owners.values():
                        owner.say("crowded", door=door)

    def _bury(self, owner: Owner) -> None:
        """Take a worker for dead; if it is not, it says again what it has."""
        self._gone(owner.name)
        self._buried.add(owner.name)
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
        key = message.subject.rpartition(".")[2]
        pulls = self._pulls.get(key if said else self._nats.key_in(message.metadata.stream))
        if pulls is not None and pulls.since:
            pulls.since.popleft()
        if not said:
            self._out.put(message.reply, self._on_request(message, pulls))
        elif pulls is not None and said == _TIME_IS_UP:
            self._pull(pulls.door)
        elif pulls is not None:  # its stream or consumer is gone, or changes hands
            pulls.last = 0
            self._streams.forget(pulls.door)  # it is made again with the next beat

    def _on_request(self, message: Msg, pulls: Pulls | None) -> bytes:
        """What becomes of its message."""
        if pulls is None or not self._broker.free(pulls.door):
            return _NOT_MINE
        pulls.last = message.metadata.sequence.stream
        ticket = _ticket(message.data)
        if ticket is None:
            log("warn", "a message in a queue is no request", subject=message.subject)
            return _FOR_NOBODY
        owner, request = ticket
        if owner not in self._buried:  # else it says so again, if it lives
            self._seat(pulls.door, owner, request)
        return _DONE

    def _seat(self, door: str, name: str, request: str) -> None:
        """A place for a request. Its worker may be unknown here, or gone: that will be said."""
        owner = self._owners.setdefault(name, Owner(name, self._tell))
        taken = self._do(owner, "take", door=door, request=request, order=0)
        seat, instance, endpoint = taken.result()
        number = owner.sends(seat, [door, instance, endpoint])
        place = [f"{self._id}/{seat}", instance, advertised(endpoint, self._address), door]
        owner.say("place", request=request, place=place, number=number)

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (e := task.exception()) is not None:
            log("warn", "JetStream did not do something", error=str(e))


def _unnamed(held: list[list[str]]) -> list[list[str]]:
    """What is held as the broker knows it: without the name of its runner."""
    return [[seat.partition("/")[2], *rest] for seat, *rest in held]


def _ticket(data: bytes) -> tuple[str, str] | None:
    """Whose request waits, and which; None for what is none."""
    try:
        said = json.loads(data)
    except ValueError:
        return None
    match said:
        case {"owner": str() as owner, "request": str() as request} if is_name(owner):
            return owner, request
    return None


def _nobody(_: str) -> None:
    """Who is told of free places, when nobody is."""
