"""What a worker asks and hears: a link to the streams, and to the runners that grant places.

a request waits as a message → the runner that has a free place pulls it, and tells the worker which
→ the worker gives it back to that runner
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from aicr.errors import AicrError, Unavailable
from controlplane.http.log import log
from controlplane.queue.asking import Asking
from controlplane.queue.jetstream.connection import Outbox, connect, our_errors
from controlplane.queue.jetstream.counters import Counters
from controlplane.queue.jetstream.crowds import Crowds
from controlplane.queue.jetstream.hosts import Hosts
from controlplane.queue.jetstream.layout import Nats, is_name
from controlplane.queue.jetstream.line import Line
from controlplane.queue.jetstream.streams import Streams
from controlplane.queue.protocol import MAX_WAITING, Limit, Load
from controlplane.queue.seats import Heard, Lost
from controlplane.wire import Json

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

T = TypeVar("T")
# For so long a worker waits for what a runner answers.
_PATIENCE_SECONDS = 2.0
# A runner says every second that it is there.
_SILENT_SECONDS = 10.0
_LOOK_SECONDS = 1.0
# So many seats are said in one message, which a server takes up to a size.
SEATS_AT_ONCE = 1000


class StreamLink(Asking):
    """One worker, from `open` to `close`. `owner` is its name, also through links after this one:
    what waits for it finds it."""

    def __init__(
        self, nats: Nats, owner: str, heard: Heard, lost: Lost, most: int = MAX_WAITING
    ) -> None:
        self._nats, self._owner, self._most = nats, owner, most
        self._heard, self._lost = heard, lost
        self._held: dict[str, list[str]] = {}  # seat -> door, instance, endpoint
        self._knows_held = False  # before hello nobody is to be told that nothing is
        self._got: dict[str, int] = {}  # runner -> the number of the last place that came from it
        self._hosts = Hosts()
        self._known_loads: dict[str, Counter[str]] = {}
        self._ended = False
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Raises OSError when there is no server."""
        self._client: Client = await connect(self._nats, f"aicr worker {self._owner}", self._end)
        self._out = Outbox(self._client, self._end)
        self._streams = Streams(self._client, self._nats, self._most)
        self._counters = Counters(self._client, self._nats)
        self._line = Line(self._streams, self._owner, self._on_stands)
        self._crowds = Crowds(self._line.anybody, self._say_crowd, self._on_crowd)
        try:
            with our_errors():
                await self._client.subscribe(self._nats.owner(self._owner), cb=self._on_own)
                await self._client.subscribe(self._nats.news, cb=self._on_news)
                await self._client.flush()
        except BaseException as e:
            await self._hang_up()
            if isinstance(e, Unavailable):
                raise OSError(e.message) from e
            raise

    # ------------------------------------------------------------------ what is asked

    def _hello(self, facts: Json) -> asyncio.Future[Any]:
        self._held = {seat: rest for seat, *rest in facts["held"]}
        self._knows_held = True
        self._go(self._live())
        return self._soon(self._look_around())

    async def _look_around(self) -> None:
        """Ask who is there, and wait for the first runner, if there is any."""
        from nats.errors import NoRespondersError

        data = json.dumps({"do": "who", "owner": self._owner}).encode()
        with suppress(Unavailable), our_errors(), suppress(NoRespondersError):
            answer = await self._client.request(self._nats.hosts, data, timeout=_PATIENCE_SECONDS)
            self._on_here(json.loads(answer.data))

    def _on_here(self, said: Json) -> None:
        """A runner says who it is: on a new connection it has to be told what is held."""
        host, session = said["host"], said["session"]
        if (
            self._knows_held
            and is_name(host)
            and self._hosts.heard(host, session, time.monotonic())
        ):
            self._got.pop(host, None)
            self._greet(host)

    def _greet(self, host: str) -> None:
        """Tell a runner what this worker holds there, and which places have come."""
        mine = [[s, *rest] for s, rest in self._held.items() if host_of(s) == host]
        told = {"do": "hello", "owner": self._owner, "got": self._got.get(host, 0)}
        self._tell_host(host, {**told, "held": mine[:SEATS_AT_ONCE]})
        for start in range(SEATS_AT_ONCE, len(mine), SEATS_AT_ONCE):
            more = mine[start : start + SEATS_AT_ONCE]
            self._tell_host(host, {"do": "holds", "owner": self._owner, "held": more})

    def _tell_host(self, host: str, message: Json) -> None:
        self._out.say(self._nats.host(host), message)

    def _take(self, facts: Json) -> asyncio.Future[Any]:
        known = self._line.come(facts["request"], facts["door"])
        self._go(self._line.enter(known))
        return known.answer

    def _cancel(self, facts: Json) -> asyncio.Future[Any]:
        left = self._line.leave(facts["request"])
        return _done() if left is None else self._soon(left)

    def _give(self, facts: Json) -> asyncio.Future[Any]:
        by_host: defaultdict[str, list[str]] = defaultdict(list)
        for seat in facts["seats"]:
            self._held.pop(seat, None)
            by_host[host_of(seat)].append(seat)
        for host, seats in by_host.items():
            self._tell_host(host, {"do": "give", "owner": self._owner, "seats": seats})
        return _done()

    def _count(self, facts: Json) -> asyncio.Future[Any]:
        return self._soon(self._counters.count([Limit(*limit) for limit in facts["limits"]]))

    def _position(self, facts: Json) -> asyncio.Future[Any]:
        door = self._line.door(facts["request"])
        return self._soon(self._streams.position(facts["request"], (door,) if door else ()))

    def _settled(self, facts: Json) -> asyncio.Future[Any]:
        self._out.say(self._nats.news, {"say": "settled", **facts})
        return _done()

    def _returned(self, facts: Json) -> asyncio.Future[Any]:
        host, number = facts["round"]
        self._tell_host(host, {"do": "returned", "owner": self._owner, "round": number})
        return _done()

    def _loads(self, _: Json) -> asyncio.Future[Any]:
        return self._soon(self._all_loads())

    async def _all_loads(self) -> dict[str, Load]:
        """Who is answered knows the runner of each instance, and who waits is in the streams: in
        this order nobody who is just served is missed."""
        answered = await asyncio.gather(*(self._answered(host) for host in self._hosts.names()))
        waiting = await self._streams.waiting()
        counts = Counter[str]()
        for found in answered:
            counts.update(found)
        return {d: Load(waiting.get(d, 0), counts[d]) for d in sorted({*waiting, *counts})}

    async def _answered(self, host: str) -> Counter[str]:
        """How many are answered behind each door of a runner: as it said last, when it does not
        say."""
        from nats.errors import NoRespondersError

        data = json.dumps({"do": "loads", "owner": self._owner}).encode()
        try:
            with our_errors():
                answer = await self._client.request(
                    self._nats.host(host), data, timeout=_PATIENCE_SECONDS
                )
        except Unavailable as e:
            if isinstance(e.__cause__, NoRespondersError):
                self._gone(host)
        else:
            self._known_loads[host] = Counter(json.loads(answer.data))
        return self._known_loads.get(host, Counter())

    # ------------------------------------------------------------------ what is heard

    async def _on_own(self, message: Msg) -> None:
        said = json.loads(message.data)
        match said:
            case {"say": "place", "request": request, "place": place, "number": number}:
                self._got[host_of(place[0])] = number
                self._granted(request, place)
            case {"say": "here"}:
                self._on_here(said)
            case {"say": "ping"}:
                self._out.put(message.reply, str(self._got.get(said["host"], 0)).encode())
            case {"say": "gone", "host": host} if self._knows_held:
                self._greet(host)
            case {"say": "crowded", "door": door}:
                self._crowds.heard(door)
            case {"say": "return", "host": host, "round": number}:
                self._heard({"say": "return", "round": [host, number]})
            case {"say": "offered" | "withdrawn", "host": host, "door": door, "count": count}:
                self._hosts.count(door, host, count)
                self._heard({**said, "count": self._hosts.behind(door)})

    async def _on_news(self, message: Msg) -> None:
        said = json.loads(message.data)
        match said:
            case {"say": "host", "host": host, "session": session} if is_name(host):
                if self._hosts.knows(host, session):
                    self._hosts.heard(host, session, time.monotonic())
                else:  # what it says to this worker alone comes after all that it has said before
                    self._tell_host(host, {"do": "who", "owner": self._owner})
            case {"say": "over", "host": host}:
                self._gone(host)
            case {"say": "crowd", "door": door} if not self._hosts.behind(door):
                self._crowds.heard(door)  # there is no runner that would say so
            case {"say": "settled"}:
                self._heard(said)

    def _granted(self, request: str, place: list[str]) -> None:
        seat, instance, endpoint, door = place
        known = self._line.serve(request)
        if known is None:
            self._give({"seats": [seat]})  # it has gone meanwhile, or was granted another one
            return
        self._held[seat] = [door, instance, endpoint]
        known.answer.set_result([seat, instance, endpoint])

    def _on_stands(self, door: str) -> None:
        self._crowds.watch(door)

    def _say_crowd(self, door: str) -> None:
        """Who has served the last one has served all before it."""
        said = {"say": "crowd", "door": door, "number": self._line.last(door)}
        self._out.say(self._nats.news, said)

    def _on_crowd(self, door: str, waits: bool) -> None:
        self._heard({"say": "crowded" if waits else "quiet", "door": door})

    # ------------------------------------------------------------------ what goes on

    async def _live(self) -> None:
        """Notice runners of which nothing is heard any more, and requests that are lost."""
        while not self._client.is_closed:
            await asyncio.sleep(_LOOK_SECONDS)
            for host in self._hosts.silent(time.monotonic() - _SILENT_SECONDS):
                self._gone(host)
            try:
                await self._line.look_after()
            except Unavailable as e:
                log("warn", "requests cannot stand in line", error=e.message)
        self._end()

    def _gone(self, host: str) -> None:
        """A runner is gone, with its instances; whoever is sent to one of them sees that itself."""
        self._known_loads.pop(host, None)
        for door in self._hosts.forget(host):
            mine = (held[:2] for seat, held in self._held.items() if host_of(seat) == host)
            for instance in sorted({i for d, i in mine if d == door}) or [""]:
                count = self._hosts.behind(door)
                said = {"say": "withdrawn", "door": door, "instance": instance, "count": count}
                self._heard(said)

    async def tidy(self, wanted: Callable[[str], Awaitable[bool]]) -> None:
        """Delete the streams of doors that are not wanted. Raises Unavailable."""
        await self._streams.tidy(wanted)

    def _soon(self, work: Coroutine[Any, Any, T]) -> asyncio.Future[T]:
        """What work gives. It fails with Unavailable when the link ends before: whoever asks is not
        cancelled by that."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        task = self._go(work)
        task.add_done_callback(lambda done: _hand_over(done, answer))
        return answer

    def _go(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or isinstance(e := task.exception(), AicrError | None):
            return
        log("error", "the queue failed", error=repr(e), trace=e)
        self._end()

    def _end(self) -> None:
        """The connection is gone, with all that was asked for through it."""
        if self._ended:
            return
        self._ended = True
        self._line.fail(_unavailable())
        self._lost()

    async def close(self) -> None:
        """Say goodbye, when there is somebody to say it to."""
        if not self._ended:
            await self._line.clear()
            self._out.say(self._nats.hosts, {"do": "bye", "owner": self._owner})
        self._end()
        await self._hang_up()

    async def _hang_up(self) -> None:
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._crowds.close()
        await self._out.close()


def host_of(seat: str) -> str:
    """The runner whose seat it is."""
    return seat.partition("/")[0]


def _done() -> asyncio.Future[Any]:
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    done.set_result(None)
    return done


def _unavailable() -> Unavailable:
    return Unavailable("the queue is gone")


def _hand_over(done: asyncio.Task[T], answer: asyncio.Future[T]) -> None:
    if answer.done():
        return
    if done.cancelled():
        answer.set_exception(_unavailable())
    elif (error := done.exception()) is not None:
        answer.set_exception(error if isinstance(error, AicrError) else _unavailable())
    else:
        answer.set_result(done.result())
