"""What one answer looks like on the wire, and which answers are none."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.server import ServerState

from controlplane.http.cork import Corked
from controlplane.http.cycle import Cycle, Line
from tests.controlplane.http.wires import Wire

Message = dict[str, Any]


def start(status: int = 200, *headers: tuple[bytes, bytes]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(headers)}


def part(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def answered(*messages: Message, method: str = "GET", keep: bool = True) -> tuple[Wire, Cycle]:
    """What becomes of an answer; and its cycle."""
    wire: Any = Wire()

    async def play() -> Cycle:
        corked = Corked(wire, asyncio.get_running_loop())
        state = ServerState()
        state.default_headers = [(b"date", b"today")]
        line = Line(corked, FlowControl(wire), state, logging.getLogger())
        cycle = Cycle(
            {"method": method}, line, lambda: None, keep_alive=keep, expect_100_continue=False
        )
        try:
            for message in messages:
                await cycle.send(message)
        finally:
            corked.flush()
        return cycle

    return wire, asyncio.run(play())


LENGTH = (b"content-length", b"2")


def test_an_answer_with_its_length() -> None:
    wire, cycle = answered(start(200, (b"X-Name", b"value"), LENGTH), part(b"ok"))
    assert wire.data == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\nx-name: value\r\ncontent-length: 2\r\n\r\nok"
    )
    assert cycle.response_complete
    assert not wire.closed


def test_one_without_a_length_is_chunked() -> None:
    wire, _ = answered(start(), part(b"ab", more=True), part(b"", more=True), part(b"c"))
    head, _, body = wire.data.partition(b"\r\n\r\n")
    assert head.endswith(b"transfer-encoding: chunked")
    assert body == b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"


def test_one_that_says_to_be_chunked_says_it_once() -> None:
    wire, _ = answered(start(200, (b"transfer-encoding", b"chunked")), part(b"a"))
    assert wire.data.count(b"chunked") == 1
    assert wire.data.endswith(b"1\r\na\r\n0\r\n\r\n")


@pytest.mark.parametrize(("status", "method"), [(204, "GET"), (304, "GET"), (200, "HEAD")])
def test_some_have_no_body(status: int, method: str) -> None:
    wire, cycle = answered(start(status), part(b""), method=method)
    assert wire.data.endswith(b"date: today\r\n\r\n")
    assert cycle.response_complete


def test_to_head_the_length_is_that_of_the_other_answer() -> None:
    wire, _ = answered(start(200, (b"content-length", b"5")), part(b"12345"), method="HEAD")
    assert wire.data.endswith(b"content-length: 5\r\n\r\n")


def test_the_last_one_of_a_connection_says_so_once() -> None:
    wire, _ = answered(start(200, LENGTH), part(b"ok"), keep=False)
    assert b"connection: close\r\n" in wire.data
    assert wire.closed
    wire, _ = answered(start(200, (b"Connection", b"Close"), LENGTH), part(b"ok"))
    assert wire.data.lower().count(b"close") == 1
    assert wire.closed
    wire, _ = answered(start(200, (b"connection", b"close"), LENGTH), part(b"ok"), keep=False)
    assert wire.data.count(b"close") == 1


@pytest.mark.parametrize(
    "header",
    [
        (b"a b", b"value"),
        (b"a:", b"value"),
        (b"a\r\nb", b"value"),
        (b"name", b"one\r\ntwo: 2"),
        (b"name", b"one\ntwo"),
        (b"name", b"\0"),
        (b"name", b"\x7f"),
    ],
)
def test_a_head_with_faults_is_not_written(header: tuple[bytes, bytes]) -> None:
    with pytest.raises(RuntimeError, match="Invalid HTTP header"):
        answered(start(200, header))


def test_tabs_and_letters_of_any_language_are_values() -> None:
    wire, _ = answered(start(200, (b"name", b"a\tb\xc3\xa9"), LENGTH), part(b"ok"))
    assert b"name: a\tb\xc3\xa9\r\n" in wire.data


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([part(b"")], "Expected ASGI message 'http.response.start'"),
        ([start(), start()], "Expected ASGI message 'http.response.body'"),
        ([start(200, LENGTH), part(b"long")], "longer"),
        ([start(200, LENGTH), part(b"s")], "shorter"),
        ([start(200, LENGTH), part(b"ok"), part(b"")], "after"),
    ],
)
def test_what_is_no_answer(messages: list[Message], why: str) -> None:
    with pytest.raises(RuntimeError, match=why):
        answered(*messages)
