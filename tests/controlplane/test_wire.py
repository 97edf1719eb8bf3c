"""Lines of JSON between the processes of a host."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest, Unavailable
from controlplane.wire import Client, Json, Peer, Server, line


def double(_: Peer, message: Json) -> int:
    if not isinstance(message["n"], int):
        raise InvalidRequest("no number")
    return 2 * int(message["n"])


async def later(_: Peer, message: Json) -> str:
    await asyncio.sleep(0)
    return str(message["word"])


def chatter(peer: Peer, _: Json) -> str:
    """Says things before it answers."""
    peer.say("news", n=1)
    peer.say("news", n=2)
    return "done"


COMMANDS = {"double": double, "later": later, "chatter": chatter}


def served(tmp_path: Path, work: Callable[[Server, str], Awaitable[None]]) -> list[Peer]:
    """Those that were gone in the end."""
    gone: list[Peer] = []

    async def main() -> None:
        server, path = Server(COMMANDS, gone.append), str(tmp_path / "s")
        listening = await server.listen(path)
        await asyncio.wait_for(work(server, path), 30)
        listening.close()
        await server.end()

    asyncio.run(main())
    return gone


def test_of_a_thread(tmp_path: Path) -> None:
    """Answers only, whatever is said in between."""

    def ask(path: str) -> list[Any]:
        with line(path) as connection:
            found = [connection.ask("double", n=4), connection.ask("chatter")]
            found += [connection.ask("later", word="x")]
            for do, facts, words in (("double", {"n": "x"}, "no number"), ("no", {}, "no no")):
                with pytest.raises(Unavailable, match=words):
                    connection.ask(do, **facts)
            return found

    async def work(_: Server, path: str) -> None:
        assert await asyncio.to_thread(ask, path) == [8, "done", "x"]

    assert len(served(tmp_path, work)) == 1


def test_what_is_said_to_everybody(tmp_path: Path) -> None:
    async def work(server: Server, path: str) -> None:
        heard: asyncio.Queue[Json] = asyncio.Queue()
        clients = [Client(heard.put_nowait) for _ in range(2)]
        for client in clients:
            await client.connect(path)
            assert await client.ask("double", n=1) == 2
        server.say("changed")
        assert [await heard.get() for _ in clients] == [{"say": "changed"}] * 2
        await clients[0].close()
        assert not clients[0].connected

    assert len(served(tmp_path, work)) == 2


def test_a_server_that_ends_hangs_up(tmp_path: Path) -> None:
    async def work(server: Server, path: str) -> None:
        lost = asyncio.Event()
        client = Client(lost=lost.set)
        await client.connect(path)
        await client.ask("double", n=1)
        await server.end()
        await lost.wait()
        with pytest.raises(Unavailable):
            await client.ask("double", n=1)

    served(tmp_path, work)


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(Unavailable), line(str(tmp_path / "s")):
        pass
