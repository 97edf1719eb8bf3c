"""Log lines: whole, in order, and many requests in one write."""

from __future__ import annotations

import asyncio
import json

import pytest

from controlplane.http import log


def test_access_lines_are_written_together(capfd: pytest.CaptureFixture[str]) -> None:
    async def many() -> str:
        for i in range(3):
            log.soon(f"line {i}")
        at_once = capfd.readouterr().err
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        return at_once

    assert asyncio.run(many()) == ""
    log.flush()
    assert capfd.readouterr().err == "line 0\nline 1\nline 2\n"


def test_the_timer_writes_them(capfd: pytest.CaptureFixture[str]) -> None:
    async def wait() -> str:
        log.soon("line")
        seen = ""
        while not seen:
            await asyncio.sleep(0)
            seen = capfd.readouterr().err
        return seen

    assert asyncio.run(asyncio.wait_for(wait(), 10)) == "line\n"


def test_so_many_are_not_kept(capfd: pytest.CaptureFixture[str]) -> None:
    async def many() -> None:
        for i in range(250):
            log.soon(str(i))

    asyncio.run(many())
    assert len(capfd.readouterr().err.splitlines()) == 200
    log.flush()
    assert len(capfd.readouterr().err.splitlines()) == 50


def test_other_lines_keep_their_place(capfd: pytest.CaptureFixture[str]) -> None:
    async def both() -> None:
        log.soon("first")
        log.log("error", "second", fact=1)

    asyncio.run(both())
    first, second = capfd.readouterr().err.splitlines()
    assert first == "first"
    assert (json.loads(second)["msg"], json.loads(second)["fact"]) == ("second", 1)
