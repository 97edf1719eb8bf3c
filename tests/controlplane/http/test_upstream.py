"""Answers of what runs behind this server, as they may come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from controlplane.http.upstream import MAX_HEAD_BYTES, Broken, Response, Upstream

CHUNKED = b"HTTP/1.1 200 OK\r\nx-own: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"
LONG = b"y" * 1000


@asynccontextmanager
async def asked(says: AsyncIterator[bytes]) -> AsyncIterator[tuple[Upstream, Response]]:
    """The answer of a function that says so."""

    async def function(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            async for part in says:
                writer.write(part)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(function, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    upstream = Upstream()
    async with server, asyncio.timeout(20):
        connection = await upstream.reach(
            f"127.0.0.1:{port}", asyncio.get_running_loop().time() + 5
        )
        response = await upstream.send(connection, "GET", "/", [], b"")
        yield upstream, response
        response.close()
        upstream.close()


async def whole(response: Response) -> bytes:
    return b"".join([part async for part in response.parts()])


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(work())


def test_trailers_are_no_headers() -> None:
    async def says() -> AsyncIterator[bytes]:
        yield CHUNKED + b"0\r\nset-cookie: a=b\r\nnvcf-status: x\r\n\r\n"

    async def work() -> None:
        async with asked(says()) as (_, response):
            assert await whole(response) == b"hi"
            assert response.headers == [(b"x-own", b"1"), (b"transfer-encoding", b"chunked")]

    run(work)


async def _trailers() -> AsyncIterator[bytes]:
    yield CHUNKED + b"0\r\n"
    while True:
        yield b"x-own: " + LONG + b"\r\n"


async def _trailer() -> AsyncIterator[bytes]:
    yield CHUNKED + b"0\r\nx-own: "
    while True:
        yield LONG


async def _extension() -> AsyncIterator[bytes]:
    yield CHUNKED + b"2;x="
    while True:
        yield LONG


@pytest.mark.parametrize("says", [_trailers, _trailer, _extension])
def test_trailers_without_end_end_the_connection(says: Callable[[], AsyncIterator[bytes]]) -> None:
    async def work() -> None:
        async with asked(says()) as (_, response):
            with pytest.raises(Broken, match="too large"):
                await whole(response)

    run(work)


def test_a_body_may_be_larger_than_a_head() -> None:
    parts = MAX_HEAD_BYTES // len(LONG) * 3

    async def says() -> AsyncIterator[bytes]:
        yield CHUNKED
        for _ in range(parts):
            yield b"3e8\r\n" + LONG + b"\r\n"
        yield b"0\r\n\r\n"

    async def work() -> None:
        async with asked(says()) as (_, response):
            assert await whole(response) == b"hi" + LONG * parts

    run(work)
