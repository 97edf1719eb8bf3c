"""Writes of one turn of the loop go out in one: uvicorn sends the head and the body of an answer
apart, and each system call costs as much as a good part of the request."""

from __future__ import annotations

import asyncio
from typing import Any

# What is larger goes out by itself: copying it would cost more than a call.
_LARGE = 64 * 1024


class Corked:
    """A transport that waits with small writes until the current callbacks have run."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []
        self._lines = b""

    def add_lines(self, lines: bytes) -> None:
        """Header lines of the answer whose head is written next, each with its end; they go after
        the line of the status. uvicorn looks for faults in every header that it writes, which for
        those of every answer costs more than the answer."""
        self._lines = lines

    def is_closing(self) -> bool:
        closing: bool = self._transport.is_closing()
        return closing

    def write(self, data: bytes) -> None:
        if self._lines:
            status, end, rest = data.partition(b"\r\n")
            data, self._lines = b"".join((status, end, self._lines, rest)), b""
        if len(data) > _LARGE:
            self.flush()
            self._transport.write(data)
            return
        if not self._parts:
            self._loop.call_soon(self.flush)
        self._parts.append(data)

    def flush(self) -> None:
        """Hand over what waits."""
        if self._parts:
            data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
            self._parts.clear()
            self._transport.write(data)

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
