"""Where in a file a value stands: positions beside values, as small plain JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

# Positions mirror the value: a scalar is its mark, a map [mark, {key: positions}], a list
# [mark, [positions]]; below a key, the mark of a map or list is that of the key. A mark is line and
# column (both from 1) in one number, so that positions are small plain JSON a catalog can store.
Positions = Any

_COLUMNS = 4096


def mark(line: int, column: int) -> int:
    return line * _COLUMNS + min(column, _COLUMNS - 1)


def unmark(position: int) -> tuple[int, int]:
    """Line and column of a mark."""
    return divmod(position, _COLUMNS)


def place_of(positions: Positions, path: Iterable[str | int]) -> tuple[int, int]:
    """Line and column of the node at `path`, or of its nearest ancestor that exists."""
    return source_of(positions, path)[1:]


def source_of(positions: Positions, path: Iterable[str | int]) -> tuple[str, int, int]:
    """The same with the file, where another one than the document's states the value."""
    for step in path:
        children = positions[1] if isinstance(positions, list) else None
        if isinstance(children, list):
            children = dict(enumerate(children))
        if not isinstance(children, dict) or step not in children:
            break
        positions = children[step]
    file = ""
    if isinstance(positions, list):  # [file, mark] stands for a value that another file states
        file = positions[0] if isinstance(positions[0], str) else ""
        positions = positions[1] if file else positions[0]
    return (file, *unmark(positions))
