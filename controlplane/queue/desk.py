"""A link over the queue's tables. What is asked during one transaction is done in the next one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from aicr.errors import AicrError, Unavailable
from controlplane.http.log import log
from controlplane.queue.asking import Asking
from controlplane.queue.books import BEAT_SECONDS, Books, Done, Op
from controlplane.queue.ledger import Held, Offer
from controlplane.queue.news import Ear
from controlplane.queue.protocol import Limit, Load
from controlplane.queue.seats import Heard, Lost
from controlplane.wire import Json

T = TypeVar("T")
# For so long a count waits for owners that do not answer.
PATIENCE_SECONDS = 1.0
# Not more is done in one transaction.
AT_ONCE = 1000


class Asked(NamedTuple):
    op: Op
    answer: asyncio.Future[Any]


class Waiting(NamedTuple):
    door: str
    answer: asyncio.Future[list[str] | None]


class Round(NamedTuple):
    """A count, for which owners return what they do not need."""

    owners: set[str]
    over: asyncio.Event


class Desk(Asking):
    """One owner, from `open` to `close`."""

    def __init__(self, books: Books, ear: Ear, heard: Heard, lost: Lost) -> None:
        self._books, self._ear, self._heard, self._lost = books, ear, heard, lost
        # What is offered from the beginning, and the owner in whose place this one comes.
        self.offers: Sequence[Offer] = ()
        self.before = ""
        self._thread = ThreadPoolExecutor(1, "queue")
        self._asked: list[Asked] = []
        self._some = asyncio.Event()
        self._waiting: dict[str, Waiting] = {}
        self._doors: dict[str, str] = {}  # of seats
        self._rounds: dict[str, Round] = {}
        self._offset = 0
        self._ended = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._living: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Raises OSError when there is no database."""
        try:
            self._offset = await self._on_thread(self._books.open)
            await self._on_thread(self._ear.open)
        except Unavailable as e:
            raise OSError(e.message) from e
        self._ear.follow(self._hear, self._end)

    # ------------------------------------------------------------------ what is asked

    def tell_of(self, name: str, **facts: Any) -> None:
        """Do something to the tables, and do not look what becomes of it."""
        self.do(name, **facts).add_done_callback(lambda done: done.exception())

    def do(self, name: str, **facts: Any) -> asyncio.Future[Any]:
        """Do something to the tables, soon."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._ended:
            answer.set_exception(_gone())
        else:
            self._asked.append(Asked(Op(name, facts), answer))
            self._some.set()
        return answer

    def _hello(self, facts: Json) -> asyncio.Future[Any]:
        return self._go(self._greet([Held(*held) for held in facts["held"]]))

    async def _greet(self, held: Sequence[Held]) -> None:
        """Be an owner. What is asked meanwhile is done afterwards. Raises Unavailable."""
        self._doors = {h.seat: h.door for h in held}
        try:
            said = await self._on_thread(self._books.hello, held, self.offers, self.before)
        except Unavailable:
            self._end()
            raise
        for message in said:
            self._heard(message)
        self._living = [self._go(self._work()), self._go(self._live())]

    def _take(self, facts: Json) -> asyncio.Future[Any]:
        request, door = facts["request"], facts["door"]
        answer: asyncio.Future[list[str] | None] = asyncio.get_running_loop().create_future()
        self._waiting[request] = Waiting(door, answer)
        asked = self.do("take", request=request, door=door, arrived=facts["order"] + self._offset)
        asked.add_done_callback(lambda done: self._took(request, done))
        return answer

    def _took(self, request: str, done: asyncio.Future[Any]) -> None:
        """It waits, or has a place; else it was refused."""
        error = done.result() if done.exception() is None else done.exception()
        if error is not None and (known := self._waiting.pop(request, None)) is not None:
            known.answer.set_exception(error)

    def _cancel(self, facts: Json) -> asyncio.Future[Any]:
        request = facts["request"]
        known = self._waiting.get(request)
        if known is None:
            return self.do("serve")
        asked = self.do("cancel", request=request, door=known.door)
        asked.add_done_callback(lambda done: self._cancelled(request, done))
        return asked

    def _cancelled(self, request: str, done: asyncio.Future[bool]) -> None:
        """Who did not wait any more gets its place, and gives it back."""
        if done.exception() is None and done.result():
            known = self._waiting.pop(request, None)
            if known is not None:
                known.answer.set_result(None)

    def _give(self, facts: Json) -> asyncio.Future[Any]:
        doors = ((seat, self._doors.pop(seat, None)) for seat in facts["seats"])
        return self.do("give", seats={seat: door for seat, door in doors if door is not None})

    def _count(self, facts: Json) -> asyncio.Future[Any]:
        return self.do("count", limits=[Limit(*limit) for limit in facts["limits"]])

    def _position(self, facts: Json) -> asyncio.Future[Any]:
        return self.do("position", **facts)

    def _settled(self, facts: Json) -> asyncio.Future[Any]:
        return self.do("say", say="settled", **facts)

    def _returned(self, facts: Json) -> asyncio.Future[Any]:
        return self.do("say", say="returned", owner=self._books.owner, **facts)

    def _loads(self, _: Json) -> asyncio.Future[Any]:
        return self._go(self._counted())

    async def _counted(self) -> dict[str, Load]:
        """What goes on, without the seats that are kept for a next request: those go back first."""
        loads, holders = await self.do("loads")
        if holders:
            await self._return(holders)
            loads, _ = await self.do("loads")
        return {door: Load(*load) for door, load in loads.items()}

    async def _return(self, owners: set[str]) -> None:
        number = secrets.token_hex(8)
        known = self._rounds[number] = Round(owners, asyncio.Event())
        try:
            await self.do("say", say="return", round=number)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await known.over.wait()
        except TimeoutError:
            pass
        finally:
            del self._rounds[number]

    # ------------------------------------------------------------------ what is heard

    def _hear(self, message: Json) -> None:
        if message.get("to") == self._books.owner:
            self._granted(message["request"], message["place"])
        elif message.get("say") == "returned":
            self._on_returned(message)
        elif "say" in message:
            self._heard(message)

    def _granted(self, request: str, place: list[str]) -> None:
        seat, known = place[0], self._waiting.pop(request, None)
        if known is None:
            return  # said twice
        self._doors[seat] = known.door
        known.answer.set_result(place)

    def _on_returned(self, message: Json) -> None:
        known = self._rounds.get(message["round"])
        if known is not None:
            known.owners.discard(message["owner"])
            if not known.owners:
                known.over.set()

    # ------------------------------------------------------------------ what is done

    async def _work(self) -> None:
        """One transaction after the other, until it ends."""
        while not self._ended:
            await self._some.wait()
            asked, self._asked = self._asked[:AT_ONCE], self._asked[AT_ONCE:]
            if not self._asked:
                self._some.clear()
            try:
                done = await self._on_thread(self._books.work, [a.op for a in asked])
            except BaseException as e:
                _fail((a.answer for a in asked), e if isinstance(e, Unavailable) else _gone())
                self._end()
                raise
            self._settle(asked, done)

    def _settle(self, asked: Sequence[Asked], done: Done) -> None:
        for (_, answer), outcome in zip(asked, done.outcomes, strict=True):
            if answer.done():
                continue
            if isinstance(outcome, AicrError):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
        for request, place in done.granted.items():
            self._granted(request, place)

    async def _live(self) -> None:
        try:
            while True:
                await asyncio.sleep(BEAT_SECONDS)
                granted = await self._on_thread(self._books.beat)
                for request, place in granted.items():
                    self._granted(request, place)
        except Unavailable:
            self._end()

    async def close(self) -> None:
        """Give up everything."""
        lives = not self._ended
        self._end()
        for task in self._living:
            task.cancel()
        # Who asked for something is told that there is no answer.
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(Unavailable):
            if lives:
                await self._on_thread(self._books.bye)
        await self._on_thread(self._books.close)
        self._thread.shutdown(wait=False)

    def _end(self) -> None:
        if self._ended:
            return
        self._ended = True
        self._ear.close()
        asked, self._asked = self._asked, []
        waiting, self._waiting = self._waiting, {}
        _fail((a.answer for a in asked), _gone())
        _fail((w.answer for w in waiting.values()), _gone())
        for known in self._rounds.values():
            known.over.set()
        self._lost()

    def _go(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._gone)
        return task

    def _gone(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, AicrError):
            log("error", "the queue stumbled", error=str(error), trace=error)
            self._end()

    async def _on_thread(self, work: Callable[..., T], *given: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)


def _fail(answers: Iterable[asyncio.Future[Any]], error: Unavailable) -> None:
    for answer in answers:
        if not answer.done():
            answer.set_exception(error)


def _gone() -> Unavailable:
    return Unavailable("the queue cannot be reached")
