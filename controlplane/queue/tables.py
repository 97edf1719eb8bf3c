"""The tables of the queue that several servers share.

Soft state: an owner is one connection of one worker, and with its row goes all that it waits for,
holds and offers. On PostgreSQL the tables are unlogged and made by the migrations; beside a SQLite
state they have a file of their own, so that requests do not make the state look changed.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, MetaData, Table, Text

QUEUE = MetaData()
# What only the file of SQLite has.
FILE = MetaData()
# Of that file: one of another version is made anew.
VERSION = 1
# By code point, as everywhere.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _owner(*, key: bool = False) -> Column[str]:
    there = ForeignKey("queue_owners.name", ondelete="CASCADE")
    return Column("owner", TEXT, there, primary_key=key, nullable=False, index=not key)


# `expires` is Unix time by the clock of the database.
OWNERS = Table(
    "queue_owners",
    QUEUE,
    Column("name", TEXT, primary_key=True),
    Column("expires", Float, nullable=False),
)
# An instance that takes `places` requests at a time, once for every owner that knows of it.
OFFERS = Table(
    "queue_offers",
    QUEUE,
    Column("instance", TEXT, primary_key=True),
    _owner(key=True),
    Column("door", TEXT, nullable=False),
    Column("endpoint", TEXT, nullable=False),
    Column("places", Integer, nullable=False),
    Index("queue_offers_by_door", "door"),
)
# A request that waits since `arrived`: nanoseconds by the clock of the database.
TICKETS = Table(
    "queue_tickets",
    QUEUE,
    Column("request", TEXT, primary_key=True),
    Column("door", TEXT, nullable=False),
    _owner(),
    Column("arrived", BigInteger, nullable=False),
    Index("queue_tickets_in_order", "door", "arrived", "request"),
)
SEATS = Table(
    "queue_seats",
    QUEUE,
    Column("seat", TEXT, primary_key=True),
    Column("door", TEXT, nullable=False),
    Column("instance", TEXT, nullable=False),
    Column("endpoint", TEXT, nullable=False),
    _owner(),
    Index("queue_seats_by_door", "door"),
    Index("queue_seats_by_instance", "instance"),
)
# How many requests of a name came within its window number so-and-so.
WINDOWS = Table(
    "queue_windows",
    QUEUE,
    Column("name", TEXT, primary_key=True),
    Column("seconds", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
    Column("came", Integer, nullable=False),
)
# What owners say to each other, where the database has no NOTIFY.
NEWS = Table(
    "queue_news",
    FILE,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("message", TEXT, nullable=False),
    sqlite_autoincrement=True,
)
