"""The queue of several servers over one state: tables of its PostgreSQL, or of a file beside its
file."""

from __future__ import annotations

from collections.abc import Iterable

from controlplane.queue.books import Books
from controlplane.queue.desk import Desk
from controlplane.queue.ledger import Offer
from controlplane.queue.news import ear_of
from controlplane.queue.protocol import MAX_WAITING
from controlplane.queue.seats import Heard, Link, Lost, Seats


class Shared(Seats):
    """The queue of a worker of any host; `where` is the state. It is told of the instances of its
    own host, which those of other hosts may use."""

    def __init__(self, where: str, most: int = MAX_WAITING) -> None:
        super().__init__()
        self._where, self._most = where, most
        self._offers: dict[str, Offer] = {}
        self._desk: Desk | None = None
        self._owner = ""

    async def _dial(self, heard: Heard, lost: Lost) -> Link:
        books = Books(self._where, self._most)
        desk = Desk(books, ear_of(self._where), heard, lost)
        desk.before = self._owner
        try:
            await desk.open()
        except OSError:
            await desk.close()
            raise
        # From here on nothing waits until it says hello, with what is offered by then.
        desk.offers = [*self._offers.values()]
        self._desk, self._owner = desk, books.owner
        return desk

    def offer(self, offer: Offer) -> None:
        """An instance of this host takes requests."""
        self._offers[offer.instance] = offer
        if self._desk is not None:
            self._desk.tell_of("offer", **offer._asdict())

    def offers(self, offers: Iterable[Offer]) -> None:
        """These instances do, and no others."""
        these = {offer.instance: offer for offer in offers}
        for instance in self._offers.keys() - these.keys():
            self.withdraw(instance)
        for offer in these.values():
            self.offer(offer)

    def withdraw(self, instance: str) -> None:
        """It takes no new ones, whoever offers it."""
        known = self._offers.pop(instance, None)
        if known is not None and self._desk is not None:
            self._desk.tell_of("withdraw", door=known.door, instance=instance)

    async def held(self, instance: str) -> int:
        """How many places of an instance are held, by anybody. Raises Unavailable."""
        return 0 if self._desk is None else int(await self._desk.do("held", instance=instance))
