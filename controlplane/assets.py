"""Assets: what invocations take as input by reference. An asset is a resource nvcf.assets.ID of an
account; its bytes are a private file of that name in a directory.

    known → path: what an invocation needs of one
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import IO

from aicr.errors import InvalidRequest
from controlplane.access.bootstrap import ACCOUNT
from controlplane.state.protocol import Lookup, Reader, Resource

ASSETS = "nvcf.assets"
# How much is written, or read, at once.
BLOCK = 1024 * 1024
# After so many seconds without a byte nobody uploads any more.
_FORGOTTEN = 24 * 3600.0


def by_account(account: str) -> Lookup:
    return Lookup("account", account)


def by_id(asset_id: str) -> Lookup:
    return Lookup("assetId", asset_id)


def known(reader: Reader, account: str, asset_id: str) -> Resource | None:
    """An asset of an account by its id; None when the account has no such one."""
    found = next(iter(reader.find(ASSETS, by_id(asset_id))), None)
    if found is None or found.spec is None:
        return None
    return found if found.spec.get("account", ACCOUNT) == account else None


class Short(InvalidRequest):
    """Fewer bytes came than were announced."""


class Files:
    """The directory that has the bytes of assets: the ids name the files."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def path(self, asset_id: str) -> str:
        """Where the bytes of an asset are, once they are there."""
        return os.path.join(self.directory, asset_id)

    def size(self, asset_id: str) -> int | None:
        """How many bytes an asset has; None when they have not come yet."""
        try:
            return os.stat(self.path(asset_id)).st_size
        except FileNotFoundError:
            return None

    async def receive(self, asset_id: str, stream: AsyncIterator[bytes], size: int) -> None:
        """Put the bytes of a stream in place, all of them or none; they replace those that were
        there. Raises Short, and OSError."""
        staged, handle = await asyncio.to_thread(self._staged, asset_id)
        try:
            with handle:
                got = await _copy(stream, handle, size)
                if got != size:
                    raise Short(f"{got} bytes came, not {size}")
                await asyncio.to_thread(_sync, handle)
            await asyncio.to_thread(os.replace, staged, self.path(asset_id))
        except BaseException:  # also when whoever sends is gone
            with suppress(FileNotFoundError):
                os.unlink(staged)
            raise

    def _staged(self, asset_id: str) -> tuple[str, IO[bytes]]:
        os.makedirs(self.directory, mode=0o700, exist_ok=True)
        staged = f"{self.path(asset_id)}.{secrets.token_hex(8)}"
        made = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        return staged, open(made, "wb", buffering=0)

    async def read(self, asset_id: str) -> AsyncIterator[bytes]:
        """The bytes of an asset, in blocks. Raises FileNotFoundError before the first of them."""
        handle = await asyncio.to_thread(open, self.path(asset_id), "rb")
        return blocks(handle)

    def remove(self, asset_id: str) -> None:
        """Delete the bytes of an asset, if there are any."""
        with suppress(FileNotFoundError):
            os.unlink(self.path(asset_id))

    def sweep(self, now: float) -> None:
        """Delete what never came whole, and no longer comes: what a crash left. What is whole
        stays, since another state may have put it here."""
        with suppress(FileNotFoundError):
            for entry in os.scandir(self.directory):
                if "." in entry.name and entry.stat().st_mtime < now - _FORGOTTEN:
                    self.remove(entry.name)


async def _copy(stream: AsyncIterator[bytes], handle: IO[bytes], size: int) -> int:
    """Write a stream, in blocks; how much it was. Stops when it is more than announced."""
    got, parts, waiting = 0, [], 0
    async for part in stream:
        got += len(part)
        waiting += len(part)
        parts.append(part)
        if got > size:
            break
        if waiting >= BLOCK:
            await asyncio.to_thread(_write, handle, b"".join(parts))
            parts, waiting = [], 0
    await asyncio.to_thread(_write, handle, b"".join(parts))
    return got


def _write(handle: IO[bytes], data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[handle.write(left) :]


def _sync(handle: IO[bytes]) -> None:
    os.fsync(handle.fileno())


async def blocks(handle: IO[bytes]) -> AsyncIterator[bytes]:
    """The bytes of a file, which is closed at their end."""
    with handle:
        while block := await asyncio.to_thread(handle.read, BLOCK):
            yield block
