"""The process that shims are forked from, as the runner sees it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import suppress

from controlplane.runner import shim


class Nursery:
    """Started with the first fork, and again when it was killed: shims do not need it."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def fork(self, directory: str) -> int:
        """The pid of a shim for a directory. Raises OSError when none can be started."""
        async with self._lock:
            with suppress(ConnectionError):
                return await self._ask(directory)
            await self.end()
            return await self._ask(directory)

    async def start(self) -> None:
        """Start it before it is needed."""
        async with self._lock:
            await self._started()

    async def _ask(self, directory: str) -> int:
        reader, writer = await self._started()
        writer.write(f"{directory}\n".encode())
        await writer.drain()
        answer = await reader.readline()
        if not answer.endswith(b"\n"):
            raise ConnectionResetError("the nursery is gone")
        return int(answer)

    async def _started(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._reader is None or self._writer is None:
            ours, theirs = socket.socketpair()
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", shim.__file__],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    env={"PATH": os.environ.get("PATH", os.defpath)},
                )
            self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        return self._reader, self._writer

    async def end(self) -> None:
        """It ends by itself when nobody asks any more; only its end is waited for here."""
        writer, process = self._writer, self._process
        self._reader = self._writer = self._process = None
        if writer is not None:
            writer.close()
        if process is not None:
            await asyncio.to_thread(process.wait)
