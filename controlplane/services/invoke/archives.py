"""Answers that are too large to be sent: each is an archive to which a URL leads (contract 7.4).

They stand among the results for polls, and are forgotten with them.
"""

from __future__ import annotations

import asyncio
import os
import time
import zipfile
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from typing import IO, Any

from controlplane import signed
from controlplane.services.invoke import errors
from controlplane.services.invoke.errors import Pairs
from controlplane.services.invoke.results import MAX_BYTES, private
from controlplane.vault import Vault

CONTENT = "/v2/nvcf/large-responses"
# What is larger goes into an archive.
LARGE_BYTES = 5 * 1024 * 1024
_SUCCESS = range(200, 300)
# Archives of the same answer are the same bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


class Archives:
    """Those of a host, in a directory. `clock` is Unix time."""

    def __init__(
        self, directory: str, vault: Vault, clock: Callable[[], float] = time.time
    ) -> None:
        self._directory, self._vault, self._clock = directory, vault, clock

    async def keep(self, request: str, ahead: Iterable[bytes], parts: AsyncIterator[bytes]) -> None:
        """The answer to a request: what has come of it, and what is to come. Raises Refusal when it
        is too large even so, and OSError."""
        await asyncio.to_thread(os.makedirs, self._directory, 0o700, exist_ok=True)
        staged = f"{self.path(request)}.part"
        try:
            with private(staged) as f:
                await _write(f, request, ahead, parts)
            os.rename(staged, self.path(request))
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(staged)
            raise

    def path(self, request: str) -> str:
        """Where the archive of a request is, if it has one."""
        return os.path.join(self._directory, f"{request}.zip")

    def url(self, origin: str, request: str) -> str:
        """Where whoever gets this URL finds the archive, for a while."""
        return signed.url(
            f"{origin}{CONTENT}/{request}", self._vault, _what(request), self._clock()
        )

    def allows(self, request: str, query: Mapping[str, Any]) -> bool:
        """Whether a query string is that of such a URL."""
        return signed.allows(self._vault, _what(request), query, self._clock())


async def _write(
    f: IO[bytes], request: str, ahead: Iterable[bytes], parts: AsyncIterator[bytes]
) -> None:
    entry = zipfile.ZipInfo(f"{request}.response", _NO_TIME)
    with zipfile.ZipFile(f, "w") as archive, archive.open(entry, "w", force_zip64=True) as out:
        size = 0
        for part in ahead:
            size += await asyncio.to_thread(out.write, part)
        async for part in parts:
            size += await asyncio.to_thread(out.write, part)
            if size > MAX_BYTES:
                raise errors.too_large(MAX_BYTES)


def may_be_one(status: int, headers: Pairs) -> bool:
    """Whether an answer becomes an archive when it is large: not what is a message of its own, or
    is read while it comes."""
    kind = dict(headers).get(b"content-type", b"").partition(b";")[0].strip().lower()
    return status in _SUCCESS and kind != b"text/event-stream"


async def ahead(parts: AsyncIterator[bytes], limit: int) -> tuple[list[bytes], bool]:
    """What comes first, and whether that is more than a limit in bytes: then more may come."""
    found, size = [], 0
    async for part in parts:
        found.append(part)
        size += len(part)
        if size > limit:
            return found, True
    return found, False


def _what(request: str) -> str:
    return f"response {request}"
