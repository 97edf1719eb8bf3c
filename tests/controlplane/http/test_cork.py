"""Corked transports: one write for an answer, in order, and nothing lost at the end."""

from __future__ import annotations

import asyncio

from controlplane.http.cork import Corked


class Wire:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.log: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.log.append(data)

    def close(self) -> None:
        self.closed = True

    def get_extra_info(self, name: str) -> str:
        return name


def played(*steps: bytes | None) -> Wire:
    """What goes over the wire of these writes; None lets the loop turn."""
    wire = Wire()

    async def play() -> None:
        corked = Corked(wire, asyncio.get_running_loop())
        for step in steps:
            if step is None:
                await asyncio.sleep(0)
            else:
                corked.write(step)
        corked.close()

    asyncio.run(play())
    assert wire.closed
    return wire


def test_writes_of_one_turn_are_one() -> None:
    assert played(b"head", b"body", None, b"next").log == [b"headbody", b"next"]


def test_large_ones_go_by_themselves_and_in_order() -> None:
    large = bytes(100_000)
    assert played(b"head", large, b"tail").log == [b"head", large, b"tail"]


def test_everything_else_is_the_transports() -> None:
    assert Corked(Wire(), None).get_extra_info("peername") == "peername"  # type: ignore[arg-type]


def test_lines_stand_below_the_status_of_the_next_head_only() -> None:
    wire = Wire()

    async def play() -> None:
        corked = Corked(wire, asyncio.get_running_loop())
        corked.add_lines(b"a: 1\r\nb: 2\r\n")
        corked.write(b"HTTP/1.1 200 OK\r\nc: 3\r\n\r\n")
        corked.write(b"body\r\n")
        corked.flush()
        corked.write(b"HTTP/1.1 200 OK\r\n\r\n")
        corked.close()

    asyncio.run(play())
    assert wire.log == [
        b"HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\nbody\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ]
