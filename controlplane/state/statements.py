"""Statements of SQLAlchemy Core, compiled once; queries are run by the driver itself.

What SQLAlchemy does around a query costs ten times what SQLite does for it, and a write asks half a
dozen. The statements, the transactions and the words for errors stay SQLAlchemy's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.exc import DBAPIError

Statement = Select[Any] | Insert | Update | Delete
Values = Mapping[str, Any]


class _Compiled(NamedTuple):
    """The text of a statement, the order of its parameters (None: by name), those that are fixed,
    and the names of its columns."""

    text: str
    order: tuple[str, ...] | None
    fixed: Values
    columns: tuple[str, ...]

    def parameters(self, values: Values) -> Any:
        given = {**self.fixed, **values}
        return given if self.order is None else tuple(given[name] for name in self.order)


@lru_cache(maxsize=256)
def _compiled(statement: Statement, dialect: Any, columns: tuple[str, ...]) -> _Compiled:
    made: Any = statement.compile(dialect=dialect, column_keys=columns or None)
    order = tuple(made.positiontup) if made.positional else None
    selected = statement.selected_columns if isinstance(statement, Select) else ()
    fixed = {name: value for name, value in made.params.items() if value is not None}
    return _Compiled(str(made), order, fixed, tuple(column.name for column in selected))


def select_rows(connection: Connection, statement: Select[Any], values: Values) -> list[Any]:
    """The rows of a query, each by column. Raises DBAPIError as SQLAlchemy does."""
    compiled = _compiled(statement, connection.dialect, ())
    errors: Any = connection.dialect.loaded_dbapi.Error
    cursor: Any = connection.connection.cursor()
    try:
        cursor.execute(compiled.text, compiled.parameters(values))
        return [dict(zip(compiled.columns, row, strict=True)) for row in cursor.fetchall()]
    except errors as e:
        # Without parameters: they may hold what nobody should read.
        raise DBAPIError.instance(compiled.text, None, e, errors, dialect=connection.dialect) from e
    finally:
        cursor.close()


def execute(connection: Connection, statement: Statement, values: Values) -> None:
    """Run a statement with the columns that values name. Raises DBAPIError."""
    execute_many(connection, statement, [values])


def execute_many(connection: Connection, statement: Statement, values: Iterable[Values]) -> None:
    """Run a statement for each of these; nothing for none. Raises DBAPIError."""
    every = list(values)
    if not every:
        return
    columns = () if isinstance(statement, Delete) else tuple(every[0])
    compiled = _compiled(statement, connection.dialect, columns)
    parameters = [compiled.parameters(each) for each in every]
    connection.exec_driver_sql(compiled.text, parameters)
