"""The application on a port of its own, with a broker and functions in the same loop."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import pytest
import uvicorn

from controlplane.http.protocol import Protocol
from controlplane.program import nats_of
from controlplane.queue.jetstream.queue import JetStream
from controlplane.queue.jetstream.recruit import COMMAND, recruit
from controlplane.queue.relay import Relay
from controlplane.queue.seats import Seats
from controlplane.queue.state import Shared
from controlplane.runner.broker import Broker
from controlplane.runner.recruited import Recruited
from controlplane.samples.echo import Echo
from controlplane.wire import Server
from tests.controlplane.services.nvcf.conftest import ALL, Nvcf

T = TypeVar("T")
PEXEC, STATUS = "/v2/nvcf/pexec/functions", "/v2/nvcf/pexec/status"


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return str(self.headers["nvcf-reqid"])


class Served:
    """A program on a port. Its loop runs in a thread; `on_loop` does things there."""

    def __init__(self, nvcf: Nvcf) -> None:
        self.nvcf = nvcf
        self.loop = asyncio.new_event_loop()
        self.broker = Broker()
        self.functions: list[asyncio.Server] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()
        self._thread.start()
        assert self._ready.wait(30)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        home = self.nvcf.program.settings.home
        os.makedirs(f"{home}/run", exist_ok=True)
        recruited = Recruited(home, self.broker)
        wire = Server({**self.broker.commands, COMMAND: recruited.ask}, self.broker.gone)
        listening = await wire.listen(f"{home}/run/runner.sock")
        config = uvicorn.Config(
            self.nvcf.program.app, port=0, http=Protocol, ws="none", lifespan="off",
            server_header=False, access_log=False, log_config=None,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        serving = asyncio.ensure_future(self._server._serve())
        queue = self.nvcf.program._invoking.plane.queue
        following = [asyncio.create_task(w) for w in (queue.follow(), self._relay(queue))]
        while not (self._server.started and queue.connected):
            await asyncio.sleep(0.005)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]
        self._ready.set()
        await serving
        if answering := self._server.server_state.tasks:
            await asyncio.wait(answering, timeout=1)  # their clients may have all of it already
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        await recruited.end()
        self.nvcf.program._invoking.plane.close()
        for server in [*self.functions, listening]:
            server.close()
        await wire.end()
        for _ in range(20):  # both ends of what was closed see it in a few turns
            await asyncio.sleep(0)

    async def _relay(self, queue: Seats) -> None:
        """What a program does with the instances of its host."""
        settings = self.nvcf.program.settings
        socket = f"{settings.home}/run/runner.sock"
        if isinstance(queue, Shared):
            await Relay(socket, queue).follow()
        elif isinstance(queue, JetStream):
            await recruit(socket, nats_of(settings))

    def close(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()
        self.loop.close()

    def on_loop(self, work: Callable[[], T]) -> T:
        async def do() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(do(), self.loop).result(30)

    def listen(self, protocol: Any = Echo) -> str:
        """The endpoint of a function that speaks a protocol."""

        async def start() -> str:
            server = await self.loop.create_server(protocol, "127.0.0.1", 0)
            self.functions.append(server)
            return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

        return asyncio.run_coroutine_threadsafe(start(), self.loop).result(30)

    def function(self, endpoint: str = "", places: int = 4, **more: Any) -> dict[str, Any]:
        """A deployed function; with an instance, when there is an endpoint."""
        made = self.nvcf.create(**more)
        deployment = self.nvcf.deploy(made)
        door = f"nvcf.deployments.{deployment['deploymentId']}"
        found = [d for d in self.nvcf.engine.store.read(lambda r: r.resources("nvcf.deployments"))
                 if d.status["versionId"] == made["versionId"]]  # fmt: skip
        door = found[0].address
        made["door"] = door
        if endpoint:
            self.on_loop(lambda: self.broker.offer(door, made["versionId"], endpoint, places))
        return made

    def call(
        self, method: str, path: str, body: Any = None, bearer: str | None = None, **headers: str
    ) -> Answer:
        """Names of headers have `_` for `-`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        bearer = self.nvcf.admin if bearer is None else bearer
        if bearer:
            given["Authorization"] = f"Bearer {bearer}"
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        try:
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def good(self, method: str, path: str) -> Any:
        """What asks the queue must be asked on its loop: not in the way of `nvcf`."""
        answer = self.call(method, path)
        assert answer.status == 200, answer.body
        return answer.json

    def invoke(self, function: dict[str, Any], body: Any = b"{}", **headers: str) -> Answer:
        return self.call("POST", f"{PEXEC}/{function['id']}", body, **headers)

    def poll(self, request: str, **headers: str) -> Answer:
        return self.call("GET", f"{STATUS}/{request}", **headers)


@pytest.fixture(scope="module")
def served(own_cache: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    nvcf = Nvcf(home=str(tmp_path_factory.mktemp("home")))
    nvcf.admin = nvcf.token(*ALL, "invoke_function")
    found = Served(nvcf)
    yield found
    found.close()
    nvcf.close()
