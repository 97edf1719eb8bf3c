"""The tables, once for every database. JSON is text in canonical form: it is compared as text."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

METADATA = MetaData()
# Text that sorts by code point, as Python and SQLite do, whatever the locale of a PostgreSQL is.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")

META = Table(
    "meta",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("lineage", TEXT, nullable=False),
    Column("serial", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("compacted", BigInteger, nullable=False),
    Column("audit_head", TEXT, nullable=False),
    Column("parent", TEXT, nullable=False),
    Column("audit_count", BigInteger, nullable=False),
    Column("ring", TEXT, nullable=False),
)
RESOURCES = Table(
    "resources",
    METADATA,
    Column("address", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False, index=True),
    Column("uid", TEXT, nullable=False),
    Column("spec", TEXT),
    Column("applied", TEXT),
    Column("status", TEXT, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created", TEXT, nullable=False),
    Column("updated", TEXT, nullable=False),
)
LOOKUPS = Table(
    "lookups",
    METADATA,
    Column("address", TEXT, primary_key=True),
    Column("field", TEXT, primary_key=True),
    Column("value", TEXT, primary_key=True),
    Column("kind", TEXT, nullable=False),
    Index("lookups_by_value", "kind", "field", "value", "address"),
)
LINES = Table(
    "lines",
    METADATA,
    Column("address", TEXT, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("at", TEXT, nullable=False),
    Column("data", TEXT, nullable=False),
)
EVENTS = Table(
    "events",
    METADATA,
    Column("revision", BigInteger, primary_key=True),
    Column("type", TEXT, nullable=False),
    Column("address", TEXT, nullable=False),
    Column("at", TEXT, nullable=False),
    Column("data", TEXT, nullable=False),
)
AUDIT = Table(
    "audit",
    METADATA,
    Column("sequence", BigInteger, primary_key=True),
    Column("at", TEXT, nullable=False),
    Column("actor", TEXT, nullable=False),
    Column("request_id", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("address", TEXT, nullable=False),
    Column("detail", TEXT, nullable=False),
    Column("previous", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False),
)
PLANS = Table(
    "plans",
    METADATA,
    Column("digest", TEXT, primary_key=True),
    Column("status", TEXT, nullable=False, index=True),
    Column("document", TEXT, nullable=False),
    Column("created", TEXT, nullable=False),
    Column("actor", TEXT, nullable=False),
    Column("outcome", TEXT, nullable=False),
    Column("token", BigInteger, nullable=False),
)
JOURNAL = Table(
    "journal",
    METADATA,
    Column("plan", TEXT, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("address", TEXT, nullable=False),
    Column("action", TEXT, nullable=False),
    Column("status", TEXT, nullable=False),
)
LEASES = Table(
    "leases",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("holder", TEXT, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires", Float, nullable=False),
    Column("acquired", TEXT, nullable=False),
    Column("purpose", TEXT, nullable=False),
)
SECRETS = Table(
    "secrets",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("key", TEXT, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
REMEMBERED = Table(
    "remembered",
    METADATA,
    Column("key", TEXT, primary_key=True),
    Column("fingerprint", TEXT, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", TEXT, nullable=False),
    Column("created", TEXT, nullable=False),
)
