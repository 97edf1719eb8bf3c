"""Health as functions say how it is asked for."""

from __future__ import annotations

import asyncio

import pytest

from controlplane.runner import probe
from controlplane.runtime.workload import Probe

HTTP: Probe = {"protocol": "HTTP", "uri": "/well", "port": 1, "timeout": 5.0, "status": 200}
GRPC: Probe = {**HTTP, "protocol": "gRPC", "uri": "/grpc"}
SETTINGS = b"\0\0\0\4\0\0\0\0\0"


def asked(answer: bytes | None, given: Probe | None) -> tuple[str, bytes]:
    """What is found at a port that answers so (None: nothing, ever), and what it was asked."""
    heard = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        heard = await reader.read(1000)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    async def main() -> str:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            return await probe.ask(server.sockets[0].getsockname()[1], given)

    return asyncio.run(main()), heard


CASES = [
    ("HTTP/1.1 200 OK\r\n\r\n", HTTP, ""),
    ("HTTP/1.0 200\r\n\r\n", HTTP, ""),
    ("HTTP/1.1 503 No\r\n\r\n", HTTP, "/well answers 503, not 200"),
    ("HTTP/1.1 204 No\r\n\r\n", {**HTTP, "status": 204}, ""),
    ("HTTP/1.1 200 OK\r\n\r\n", {**HTTP, "status": 204}, "/well answers 200, not 204"),
    ("SSH-2.0\r\n", HTTP, "it does not answer in HTTP/1.1"),
    ("x" * 200_000, HTTP, "it does not answer in HTTP/1.1"),
    ("", HTTP, "it does not answer in HTTP/1.1"),
    (SETTINGS.decode("latin-1"), GRPC, ""),
    ("HTTP/1.1 400 Bad\r\n\r\n", GRPC, "it does not answer in HTTP/2"),
    ("", GRPC, "it does not answer: the connection ended"),
    ("", None, ""),
]


@pytest.mark.parametrize(("answer", "given", "why"), CASES)
def test_answers(answer: str, given: Probe, why: str) -> None:
    assert asked(answer.encode("latin-1"), given)[0] == why


def test_what_is_asked() -> None:
    assert asked(b"", {**HTTP, "uri": "no/slash"})[1].startswith(b"GET /no/slash HTTP/1.1\r\n")
    assert asked(b"", GRPC)[1].startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def test_no_answer_in_time() -> None:
    assert asked(None, {**HTTP, "timeout": 0.05})[0] == "it does not answer within 0.05 s"


def test_nobody_listens() -> None:
    assert asyncio.run(probe.ask(1, HTTP)).startswith("it does not answer: ")
