"""Ends of instances: waiting for them, what they mean in words, and what to clean up then."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from contextlib import suppress

from controlplane.runner import files, shim
from controlplane.wire import Json


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


async def gone(pid: int) -> None:
    """Wait for the end of a process, whoever's child it is."""
    if not pid:
        return
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()
    loop.add_reader(handle, _settle, ended)
    try:
        await ended
    finally:
        loop.remove_reader(handle)
        os.close(handle)
