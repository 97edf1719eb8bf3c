"""The schema of the store: Alembic's migrations, one numbered file each, run before anything else.

What a newer program made is not touched by an older one.
"""

from __future__ import annotations

from importlib.resources import files
from uuid import uuid4

from sqlalchemy import Connection, Engine, inspect, select, text

from aicr.errors import Conflict
from controlplane.failpoints import hit
from controlplane.state.tables import META

HEAD = "0003"
_PLACE = "controlplane.state.migrations"


def upgrade(engine: Engine) -> None:
    """Bring a database to the newest schema, in one transaction.

    Raises Conflict when a newer program made it.
    """
    with engine.connect() as connection:
        if _version(connection) == HEAD:
            return
    with engine.begin() as connection:
        _alone(connection)
        current = _version(connection)
        if current == HEAD:
            return
        if current > HEAD:
            raise Conflict(
                f"the state was made by a newer aicr (schema {current}, this one knows {HEAD}): "
                "upgrade aicr"
            )
        hit("migrate.before")
        _migrate(connection)
        if connection.execute(select(META.c.id)).first() is None:
            connection.execute(META.insert(), _first())
        hit("migrate.after")


def _first() -> dict[str, object]:
    return {
        "id": 1,
        "lineage": str(uuid4()),
        "serial": 0,
        "revision": 0,
        "compacted": 0,
        "audit_head": "",
        "parent": "",
        "audit_count": 0,
        "ring": "",
    }


def _version(connection: Connection) -> str:
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or "")


def _alone(connection: Connection) -> None:
    """One process migrates. SQLite's transaction has locked the file already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7017)"))


def _migrate(connection: Connection) -> None:
    from alembic import command  # 150 ms that only a new schema needs
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files(_PLACE)))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
