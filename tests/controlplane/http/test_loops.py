"""The loop of a request: as the server says, and otherwise the one that runs."""

from __future__ import annotations

import asyncio

import pytest

from controlplane.http.loops import LOOP, loop_of


@pytest.mark.parametrize("scope", [{}, {"extensions": {}}])
def test_a_server_that_says_nothing(scope: dict[str, object]) -> None:
    async def play() -> bool:
        return loop_of(scope) is asyncio.get_running_loop()

    assert asyncio.run(play())


def test_a_server_that_says_it() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    assert loop_of({"extensions": {LOOP: loop}}) is loop
