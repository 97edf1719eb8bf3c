"""Invoking a function through the plane, against the same function behind one nginx; needs `wrk`.

    [AICR_QUEUE=state [AICR_STATE=…]] python benchmarks/invoke.py [seconds of each measurement]
    AICR_QUEUE=jetstream [AICR_NATS=…] python benchmarks/invoke.py [seconds of each measurement]

nginx is looked for on PATH, or where NGINX_PROGRAM says; its upstream connections are kept alive, as ours
are. Two workers, two workers of nginx, one instance of the built-in echo function. The bounds of
issue 7: 0.35 times the requests a second of nginx with 32 clients, less than 3 ms more in the
median, 100 MB streamed at half the rate of the function itself in memory that stays flat, and
10,000 waiting requests served in order. With AICR_QUEUE=state the places are those of the queue
that several servers share, in the database of the state; with AICR_QUEUE=jetstream in a NATS server
that runs already.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
CLIENTS, SIZE = 32, 100 * 1024 * 1024
WAITING = 10_000
BODY = json.dumps({"message": "x" * 64})
FUNCTION = {
    "name": "echo",
    "inferenceUrl": "/echo",
    "inferencePort": 8000,
    "containerImage": "samples.aicr.local/echo:1",
    "health": {
        "protocol": "HTTP",
        "uri": "/health",
        "port": 8000,
        "timeout": "PT10S",
        "expectedStatusCode": 200,
    },
}
GPU = {
    "gpu": "H100",
    "instanceType": "NCP.GPU.H100_1x",
    "minInstances": 1,
    "maxInstances": 1,
    "maxRequestConcurrency": 64,
}
CONFIG = """worker_processes 2; daemon off; pid %(scratch)s/pid; error_log %(scratch)s/error.log;
events { worker_connections 1024; }
http {
  access_log %(scratch)s/access.log; client_max_body_size 0; keepalive_requests 1000000000;
  client_body_temp_path %(scratch)s/b; proxy_temp_path %(scratch)s/p; fastcgi_temp_path %(scratch)s/f;
  uwsgi_temp_path %(scratch)s/u; scgi_temp_path %(scratch)s/s;
  upstream echo { server %(endpoint)s; keepalive 64; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:%(port)d; location / {
    proxy_pass http://echo; proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_request_buffering off; proxy_buffering off;
  } }
}
"""


class Load(NamedTuple):
    """Requests a second, and milliseconds in the median."""

    rate: float
    median: float
    bad: int


class Plane(NamedTuple):
    """A served function: where, by whom, and what its requests bear."""

    port: int
    pids: list[int]
    endpoint: str
    function: str
    headers: dict[str, str]


def call(port: int, method: str, path: str, bearer: str, body: Any = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
    connection.request(method, path, json.dumps(body) if body else None, headers)
    answer = connection.getresponse()
    data = answer.read()
    if answer.status >= 300:
        raise RuntimeError(f"{method} {path}: {answer.status} {data.decode()}")
    return json.loads(data) if data else None


@contextmanager
def served(scratch: str) -> Iterator[Plane]:
    from controlplane.home import Home
    from controlplane.runtime.process import Process

    home, log = f"{scratch}/home", Path(scratch, "log")
    environment = {
        **os.environ,
        "AICR_HOME": home,
        "AICR_RUNTIME": "process",
        "AICR_RATE_LIMIT": "1000000",
        "AICR_RATE_BURST": "1000000",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "aicr", "serve", "--port", "0", "--workers", "2"]
    with log.open("wb") as err:
        process = subprocess.Popen(command, stderr=err, env=environment)
    try:
        while not (found := re.search(r"Listening at: http://[\d.]+:(\d+)", log.read_text())):
            time.sleep(0.05)
        while len(pids := re.findall(r"Booting worker with pid: (\d+)", log.read_text())) < 2:
            time.sleep(0.05)
        port = int(found[1])
        token = [sys.executable, "-m", "aicr", "token", "create", "--client", "ncp"]
        for scope in ("register_function", "deploy_function", "invoke_function", "list_functions"):
            token += ["--scope", scope]
        bearer = subprocess.run(
            token, env=environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        made = call(port, "POST", "/v2/nvcf/functions", bearer, FUNCTION)["function"]
        at = f"functions/{made['id']}/versions/{made['versionId']}"
        call(
            port, "POST", f"/v2/nvcf/deployments/{at}", bearer, {"deploymentSpecifications": [GPU]}
        )
        while call(port, "GET", f"/v2/nvcf/{at}", bearer)["function"]["status"] != "ACTIVE":
            time.sleep(0.1)
        endpoint = Process(Home(home).path).look()[0].health.endpoint
        headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        yield Plane(port, [int(p) for p in pids], endpoint, made["id"], headers)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def proxied(scratch: str, endpoint: str) -> Iterator[int]:
    """The port of an nginx before an endpoint."""
    program = os.environ.get("NGINX_PROGRAM") or shutil.which("nginx")
    if not program:
        raise SystemExit("there is no nginx: set NGINX_PROGRAM to its path")
    port = 18_000 + os.getpid() % 1000
    config = Path(scratch, "nginx.conf")
    config.write_text(CONFIG % {"scratch": scratch, "endpoint": endpoint, "port": port})
    process = subprocess.Popen([program, "-c", str(config), "-e", f"{scratch}/error.log"])
    try:
        while True:
            with suppress(OSError):
                http.client.HTTPConnection("127.0.0.1", port).connect()
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def load(url: str, seconds: float, clients: int, headers: dict[str, str], scratch: str) -> Load:
    script = Path(scratch, "wrk.lua")
    lines = [f"wrk.headers[{json.dumps(k)}] = {json.dumps(v)}" for k, v in headers.items()]
    script.write_text("\n".join(['wrk.method = "POST"', f"wrk.body = {json.dumps(BODY)}", *lines]))
    command = ["wrk", "-t1", f"-c{clients}", f"-d{round(seconds)}s", "--latency", "-s", str(script)]
    out = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    middle = re.search(r"50%\s+([\d.]+)(us|ms|s)", out)
    if rate is None or middle is None:
        raise RuntimeError(out)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    unit = {"us": 0.001, "ms": 1.0, "s": 1000.0}[middle[2]]
    return Load(float(rate[1]), float(middle[1]) * unit, int(bad[1]) if bad else 0)


def memory(pid: int) -> float:
    """MB of the process that are in memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def stream(port: int, path: str, headers: dict[str, str]) -> float:
    """Seconds in which so many bytes go out and come back."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    part, began = b"x" * (256 * 1024), time.perf_counter()
    connection.putrequest("POST", path)
    for name, value in {**headers, "Content-Type": "application/octet-stream"}.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(SIZE))
    connection.endheaders()

    def send() -> None:
        for _ in range(SIZE // len(part)):
            connection.sock.sendall(part)

    sender = threading.Thread(target=send)
    sender.start()
    answer = connection.response_class(connection.sock, method="POST")
    answer.begin()
    size = 0
    while data := answer.read(256 * 1024):
        size += len(data)
    sender.join()
    if size != SIZE:
        raise RuntimeError(f"{size} bytes came back, status {answer.status}")
    return time.perf_counter() - began


class Peak(threading.Thread):
    """The most memory of processes, in MB, more than at its start."""

    def __init__(self, pids: list[int]) -> None:
        super().__init__(daemon=True)
        self._pids, self._over = pids, threading.Event()
        self._first = {pid: memory(pid) for pid in pids}
        self.most = 0.0

    def run(self) -> None:
        while not self._over.wait(0.01):
            self.most = max(self.most, *(memory(p) - self._first[p] for p in self._pids))

    def end(self) -> float:
        self._over.set()
        self.join()
        return self.most


@asynccontextmanager
async def local(scratch: str) -> AsyncIterator[tuple[list[Any], Callable[[int], None]]]:
    """Two workers at a runner's broker, and what offers so many places."""
    from controlplane.queue.local import Local
    from controlplane.runner.broker import Broker
    from controlplane.wire import Server

    broker = Broker()
    server = await Server(broker.commands, broker.gone).listen(f"{scratch}/socket")
    queues = [Local(f"{scratch}/socket") for _ in range(2)]
    yield queues, lambda places: broker.offer("door", "i", "127.0.0.1:1", places)
    server.close()


@asynccontextmanager
async def shared(scratch: str) -> AsyncIterator[tuple[list[Any], Callable[[int], None]]]:
    """The same over a state."""
    from controlplane.queue.ledger import Offer
    from controlplane.queue.state import Shared
    from controlplane.state.sql import SqlStore

    where = os.environ.get("AICR_STATE") or f"{scratch}/drained.db"
    SqlStore(where).close()
    queues = [Shared(where) for _ in range(2)]
    yield queues, lambda places: queues[0].offer(Offer("i", "door", "127.0.0.1:1", places))


@asynccontextmanager
async def streamed(_: str) -> AsyncIterator[tuple[list[Any], Callable[[int], None]]]:
    """The same over JetStream."""
    from controlplane.http.settings import from_environment
    from controlplane.program import nats_of
    from controlplane.queue.jetstream.host import Host
    from controlplane.queue.jetstream.queue import JetStream
    from controlplane.runner.broker import Broker

    nats = nats_of(from_environment(os.environ, {}))._replace(region=f"bench{os.getpid()}")
    broker = Broker()
    hosting = asyncio.create_task(Host(nats, "host", broker).run())
    queues = [JetStream(nats) for _ in range(2)]
    yield queues, lambda places: broker.offer("door", "i", "127.0.0.1:1", places)
    hosting.cancel()


OPENED = {"local": local, "state": shared, "jetstream": streamed}


async def waiting(queue: Any) -> int:
    return (await queue.loads()).get("door", (0, 0))[0]


async def drained(scratch: str, opened: Any, places: int) -> tuple[float, bool]:
    """Seconds in which so many waiting requests of two workers get a few places, and whether in the
    order in which they came."""
    async with opened(scratch) as (queues, offer):
        following = [asyncio.create_task(q.follow()) for q in queues]
        while not all(queue.connected for queue in queues):  # by itself each counts its own only
            await asyncio.sleep(0.01)
        served: list[int] = []

        # What two connections say at the same time arrives in any order at a server of others.
        halves = opened is streamed

        async def one(n: int) -> None:
            queue = queues[n * 2 // WAITING if halves else n % 2]
            place = await queue.take("door", f"r{n}")
            served.append(n)
            queue.give(place)

        tasks = []
        for n in range(WAITING):
            tasks.append(asyncio.create_task(one(n)))
            while n + 1 in {WAITING // 2, WAITING} and await waiting(queues[0]) <= n:
                await asyncio.sleep(0.01)
        began = time.perf_counter()
        offer(places)
        await asyncio.gather(*tasks)
        seconds = time.perf_counter() - began
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
    return seconds, served == sorted(served)


def main(seconds: float) -> int:
    with tempfile.TemporaryDirectory(prefix="aicr-") as scratch:
        with served(scratch) as plane, proxied(scratch, plane.endpoint) as port:
            path = f"/v2/nvcf/pexec/functions/{plane.function}"
            ours, theirs = f"http://127.0.0.1:{plane.port}{path}", f"http://127.0.0.1:{port}/echo"
            load(ours, 2, CLIENTS, plane.headers, scratch)
            for clients in (1, CLIENTS):
                them = load(theirs, seconds, clients, plane.headers, scratch)
                us = load(ours, seconds, clients, plane.headers, scratch)
                print(
                    f"{clients} clients: nginx {them.rate:.0f}/s {them.median:.2f} ms, plane"
                    f" {us.rate:.0f}/s {us.median:.2f} ms: {us.rate / them.rate:.2f} times the rate,"
                    f" {us.median - them.median:+.2f} ms; {us.bad} bad"
                )
            _, _, direct = plane.endpoint.partition(":")
            least = min(stream(int(direct), "/echo", {}) for _ in range(3))
            peak = Peak(plane.pids)
            peak.start()
            through = min(stream(plane.port, path, plane.headers) for _ in range(3))
            print(
                f"100 MB both ways: {least:.2f} s directly, {through:.2f} s through the plane:"
                f" {least / through:.2f} times the rate; {peak.end():.1f} MB more memory"
            )
        opened = OPENED[os.environ.get("AICR_QUEUE", "local")]
        for places in (1, 64):
            took, in_order = asyncio.run(drained(scratch, opened, places))
            order = f", in order: {in_order}" if places == 1 else ""
            print(f"{WAITING} waiting requests, {places} places: {took:.2f} s{order}")
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0))
