"""Connections: messages one after the other, and nothing of them left at their end. What they let
through and what not is tested with the server."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from controlplane.http.protocol import Protocol
from tests.controlplane.http.wires import Wire

REQUEST = b"POST /%b?a=%%20b HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nok"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """What was asked, and its body."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    said = f"{scope['method']} {scope['path']} {scope['query_string'].decode()} ".encode() + body
    headers = [(b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


def played(play: Callable[[Protocol, Wire], Any]) -> Any:
    """What comes of a play with a connection."""

    async def run() -> Any:
        config = uvicorn.Config(echo, http=Protocol, ws="none", lifespan="off", log_config=None)
        config.load()
        protocol = Protocol(config, ServerState(), {}, asyncio.get_running_loop())
        wire = Wire()
        protocol.connection_made(wire)
        return await play(protocol, wire)

    return asyncio.run(run())


async def turns() -> None:
    """Until everything that can go on has done so."""
    for _ in range(20):
        await asyncio.sleep(0)


def bodies(data: bytes) -> list[bytes]:
    """Those of answers, of which each has a length."""
    found = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split()[0])
        found.append(data[:size])
        data = data[size:]
    return found


def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    async def play(protocol: Protocol, wire: Wire) -> bytes:
        protocol.data_received(b"".join(REQUEST % name for name in (b"a", b"b%2Fc", b"d")))
        await turns()
        protocol.connection_lost(None)
        return wire.data

    assert bodies(played(play)) == [
        b"POST /a a=%20b ok",
        b"POST /b/c a=%20b ok",
        b"POST /d a=%20b ok",
    ]


def test_a_body_may_come_in_parts() -> None:
    async def play(protocol: Protocol, wire: Wire) -> bytes:
        for start in range(0, len(REQUEST), 7):
            protocol.data_received((REQUEST % b"a").replace(b"%%", b"%")[start : start + 7])
            await turns()
        protocol.connection_lost(None)
        return wire.data

    assert bodies(played(play)) == [b"POST /a a=%20b ok"]


def test_the_old_version_is_answered_and_hung_up_on() -> None:
    async def play(protocol: Protocol, wire: Wire) -> Wire:
        protocol.data_received((REQUEST % b"a").replace(b"HTTP/1.1", b"HTTP/1.0"))
        await turns()
        protocol.connection_lost(None)
        return wire

    wire = played(play)
    assert wire.closed
    assert b"connection: close" in wire.data


def test_a_connection_that_ended_is_gone_without_a_search_for_garbage() -> None:
    async def play(protocol: Protocol, wire: Wire) -> weakref.ref[Protocol]:
        for _ in range(2):
            protocol.data_received(REQUEST % b"a")
            await turns()
        protocol.connection_lost(None)
        return weakref.ref(protocol)

    gc.disable()
    try:
        assert played(play)() is None
    finally:
        gc.enable()
