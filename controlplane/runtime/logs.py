"""Logs of instances, as CRI keeps them: read whole, from their end, and as they grow."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from controlplane.runner.shim import LOG, LOG_FILES
from controlplane.runtime.protocol import Line

# Between looks at a log that is followed, seconds.
PAUSE = 0.1
# Bytes of a line that was joined from partial ones; a longer one is several.
LONGEST = 256 * 1024


class _Parts(NamedTuple):
    """A line as far as it came, since when, and its bytes so far."""

    time: bytes
    texts: list[bytes]
    size: int


class Joining:
    """Makes whole lines of CRI lines: partial ones wait for what ends them, or for so many more
    that they would be longer than LONGEST: then they are a line of their own."""

    def __init__(self) -> None:
        self._parts: dict[bytes, _Parts] = {}

    def add(self, line: bytes) -> Iterator[Line]:
        """The lines that end with this one. What is no CRI line is left out."""
        fields = line.rstrip(b"\n").split(b" ", 3)
        if len(fields) != 4 or fields[2] not in (b"F", b"P"):
            return
        time, stream, flag, text = fields
        before = self._parts.pop(stream, None)
        if before is not None and before.size + len(text) > LONGEST:
            yield _line(stream, before)
            before = None
        begun, texts, size = before or _Parts(time, [], 0)
        texts.append(text)
        parts = _Parts(begun, texts, size + len(text))
        if flag == b"F":
            yield _line(stream, parts)
        else:
            self._parts[stream] = parts

    def rest(self) -> Iterator[Line]:
        """What was never ended."""
        parts, self._parts = self._parts, {}
        yield from (_line(*found) for found in parts.items())


def _line(stream: bytes, parts: _Parts) -> Line:
    words = (parts.time, stream, b"".join(parts.texts))
    return Line(*(word.decode("utf-8", "replace") for word in words))


def _paths(directory: str) -> list[str]:
    """The files of a log, oldest first."""
    older = [f"{directory}/{LOG}.{n}" for n in range(LOG_FILES - 1, 0, -1)]
    return [*older, f"{directory}/{LOG}"]


def _raw(directory: str) -> Iterator[bytes]:
    for path in _paths(directory):
        with suppress(FileNotFoundError), open(path, "rb") as f:
            yield from f


def lines(directory: str) -> Iterator[Line]:
    """Every line of a log."""
    joining = Joining()
    for line in _raw(directory):
        yield from joining.add(line)
    yield from joining.rest()


def last(found: Iterable[Line], count: int | None) -> Iterable[Line]:
    """The last so many, or all."""
    return found if count is None else deque(found, maxlen=count)


async def follow(
    directory: str, count: int | None, alive: Callable[[], bool]
) -> AsyncGenerator[Line, None]:
    """The last lines, and those that come, until nothing writes there any more. `alive` is asked
    off the loop."""
    tail = Tail(directory)
    try:
        for entry in last(await asyncio.to_thread(tail.read), count):
            yield entry
        while True:
            going = await asyncio.to_thread(alive)  # before the last look, or that would miss some
            for entry in await asyncio.to_thread(tail.read):
                yield entry
            if not going:
                break
            await asyncio.sleep(PAUSE)
        for entry in tail.rest():
            yield entry
    finally:
        tail.close()


class Tail:
    """Reads on in a log that is written and rotated meanwhile."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._joining = Joining()
        self._file: BinaryIO | None = None
        self._partial = b""

    def read(self) -> list[Line]:
        """What came since the last time, from the oldest file on at first."""
        found: list[Line] = []
        for file in self._files():
            for line in file:
                if not line.endswith(b"\n"):
                    self._partial += line
                    continue
                found += self._joining.add(self._partial + line)
                self._partial = b""
        return found

    def rest(self) -> Iterator[Line]:
        """What was never ended."""
        return self._joining.rest()

    def _files(self) -> Iterator[BinaryIO]:
        """The file that was read last, and those that are newer."""
        paths = _paths(self._directory)
        known = None if self._file is None else os.fstat(self._file.fileno()).st_ino
        if self._file is not None:
            yield self._file
        inodes = [_inode(path) for path in paths]
        begin = inodes.index(known) + 1 if known in inodes else 0
        for path in paths[begin:]:
            with suppress(FileNotFoundError):
                newer = open(path, "rb")  # noqa: SIM115 (kept until there is a newer one)
                if self._file is not None:
                    self._file.close()
                self._file = newer
                yield newer

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None
