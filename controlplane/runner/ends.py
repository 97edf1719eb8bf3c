"""Ends of instances: waiting for them, what they mean in words, and what to clean up then."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import suppress
from typing import Any

from controlplane.runner import files, shim
from controlplane.wire import Json

_AGAIN_SECONDS = 0.5


def said(found: Json | None) -> str:
    """How an instance ended, in words."""
    if found is None:
        return "it was killed together with its shim"
    if "error" in found:
        return str(found["error"])
    code = found["exit"]
    words = f"it was killed by signal {-code}" if code < 0 else f"it ended with exit status {code}"
    return f"{words}: {found['why']}" if "why" in found else words


def clean(spec: Json, path: str) -> None:
    """Do what the shim of an instance would have done, had it not been killed."""
    files.kill_members(path)
    with suppress(OSError):
        os.unlink(f"{path}/{shim.SECRETS}")
    if spec["after"]:
        with suppress(OSError, subprocess.SubprocessError):
            subprocess.run(spec["after"], env=spec["environment"], timeout=30, check=False)


def send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        if pid:
            os.kill(pid, number)


def _settle(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def lives(held: Any) -> int:
    """The pid of the shim that wrote this about itself; 0 when it is gone, or this is nothing."""
    match held:
        case {"pid": int(pid), "identity": str(known)} if known and shim.identity(pid) == known:
            return pid
    return 0


async def gone(pid: int) -> None:
    """Wait for the end of a process, whoever's child it is."""
    if not pid:
        return
    handle = await _handle(pid)
    if handle is None:
        return
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(handle, _settle, ended)
        await ended
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def _handle(pid: int) -> int | None:
    """What becomes readable when a process ends; None when it has. Where none is to be had (too
    many files are open), later: a process that nobody waits for would never be over."""
    while True:
        try:
            return os.pidfd_open(pid)
        except ProcessLookupError:
            return None
        except OSError:
            await asyncio.sleep(_AGAIN_SECONDS)
