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

META = Table(
    "meta",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("lineage", Text, nullable=False),
    Column("serial", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("compacted", BigInteger, nullable=False),
    Column("audit_head", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("audit_count", BigInteger, nullable=False),
)
RESOURCES = Table(
    "resources",
    METADATA,
    Column("address", Text, primary_key=True),
    Column("kind", Text, nullable=False, index=True),
    Column("uid", Text, nullable=False),
    Column("spec", Text),
    Column("applied", Text),
    Column("status", Text, nullable=False),
    Column("protected", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created", Text, nullable=False),
    Column("updated", Text, nullable=False),
)
LOOKUPS = Table(
    "lookups",
    METADATA,
    Column("address", Text, primary_key=True),
    Column("field", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Index("lookups_by_value", "kind", "field", "value"),
)
EVENTS = Table(
    "events",
    METADATA,
    Column("revision", BigInteger, primary_key=True),
    Column("type", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("data", Text, nullable=False),
)
AUDIT = Table(
    "audit",
    METADATA,
    Column("sequence", BigInteger, primary_key=True),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
)
PLANS = Table(
    "plans",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("status", Text, nullable=False, index=True),
    Column("document", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
)
JOURNAL = Table(
    "journal",
    METADATA,
    Column("plan", Text, primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("address", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("status", Text, nullable=False),
)
LEASES = Table(
    "leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires", Float, nullable=False),
    Column("acquired", Text, nullable=False),
    Column("purpose", Text, nullable=False),
)
SECRETS = Table(
    "secrets",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("key", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
REMEMBERED = Table(
    "remembered",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("created", Text, nullable=False),
)
