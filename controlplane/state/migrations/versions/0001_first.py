"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("lineage", _TEXT, nullable=False),
        *(_number(n) for n in ("serial", "revision", "compacted")),
        *(_text(n) for n in ("audit_head", "parent")),
        _number("audit_count"),
        _text("ring"),
    )
    op.create_table(
        "resources",
        sa.Column("address", _TEXT, primary_key=True),
        *(_text(n) for n in ("kind", "uid")),
        sa.Column("spec", _TEXT),
        sa.Column("applied", _TEXT),
        _text("status"),
        sa.Column("protected", sa.Boolean, nullable=False),
        _number("revision"),
        *(_text(n) for n in ("created", "updated")),
    )
    op.create_index("ix_resources_kind", "resources", ["kind"])
    op.create_table(
        "lookups",
        *(sa.Column(n, _TEXT, primary_key=True) for n in ("address", "field", "value")),
        _text("kind"),
    )
    op.create_index("lookups_by_value", "lookups", ["kind", "field", "value"])
    op.create_table(
        "events",
        sa.Column("revision", sa.BigInteger, primary_key=True),
        *(_text(n) for n in ("type", "address", "at", "data")),
    )
    op.create_table(
        "audit",
        sa.Column("sequence", sa.BigInteger, primary_key=True),
        *(_text(n) for n in ("at", "actor", "request_id", "action", "address", "detail")),
        *(_text(n) for n in ("previous", "digest")),
    )
    op.create_table(
        "plans",
        sa.Column("digest", _TEXT, primary_key=True),
        *(_text(n) for n in ("status", "document", "created", "actor", "outcome")),
        _number("token"),
    )
    op.create_index("ix_plans_status", "plans", ["status"])
    op.create_table(
        "journal",
        sa.Column("plan", _TEXT, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        *(_text(n) for n in ("address", "action", "status")),
    )
    op.create_table(
        "leases",
        sa.Column("name", _TEXT, primary_key=True),
        _text("holder"),
        _number("token"),
        sa.Column("expires", sa.Float, nullable=False),
        *(_text(n) for n in ("acquired", "purpose")),
    )
    op.create_table(
        "secrets",
        sa.Column("name", _TEXT, primary_key=True),
        _text("key"),
        *(sa.Column(n, sa.LargeBinary, nullable=False) for n in ("nonce", "data")),
    )
    op.create_table(
        "remembered",
        sa.Column("key", _TEXT, primary_key=True),
        _text("fingerprint"),
        sa.Column("status", sa.Integer, nullable=False),
        *(_text(n) for n in ("body", "created")),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, _TEXT, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
