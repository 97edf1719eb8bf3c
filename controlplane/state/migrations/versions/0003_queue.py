"""The queue of several servers. SQLite has it in a file of its own, which the queue makes."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
_TEXT = sa.Text(collation="C")


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    _table("queue_owners", _key("name"), sa.Column("expires", sa.Float, nullable=False))
    _table(
        "queue_offers",
        _key("instance"),
        _owner(primary_key=True),
        *(_text(n) for n in ("door", "endpoint")),
        sa.Column("places", sa.Integer, nullable=False),
    )
    _table("queue_tickets", _key("request"), _text("door"), _owner(), _number("arrived"))
    of_seats = (_text(n) for n in ("door", "instance", "endpoint"))
    _table("queue_seats", _key("seat"), *of_seats, _owner())
    _table(
        "queue_windows",
        _key("name"),
        sa.Column("seconds", sa.Integer, primary_key=True, autoincrement=False),
        _number("number"),
        sa.Column("came", sa.Integer, nullable=False),
    )
    for name, table, columns in _INDEXES:
        op.create_index(name, table, columns)


_INDEXES = (
    ("queue_offers_by_door", "queue_offers", ["door"]),
    ("queue_tickets_in_order", "queue_tickets", ["door", "arrived", "request"]),
    ("ix_queue_tickets_owner", "queue_tickets", ["owner"]),
    ("queue_seats_by_door", "queue_seats", ["door"]),
    ("queue_seats_by_instance", "queue_seats", ["instance"]),
    ("ix_queue_seats_owner", "queue_seats", ["owner"]),
)


def _table(name: str, *columns: sa.Column[Any]) -> None:
    op.create_table(name, *columns, prefixes=["UNLOGGED"])


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, _TEXT, primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _owner(*, primary_key: bool = False) -> sa.Column[str]:
    there = sa.ForeignKey("queue_owners.name", ondelete="CASCADE")
    return sa.Column("owner", _TEXT, there, primary_key=primary_key, nullable=False)
