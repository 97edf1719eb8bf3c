"""Durable acknowledged writes over the API, as ratios to the bare database in the same run.

    python benchmarks/writes.py [seconds of each measurement]

32 clients make API keys, each for an owner of its own, at `aicr serve --workers 2`; an answer means
that the key is on disk. Beside it the same rows without a server: SQLite by one writing thread with
group commit for 32 threads (WAL, FULL), PostgreSQL by psycopg on 8 connections. The bounds of issue
5: 0.15 times the one, 0.25 times the other. `--profile` also says where a worker spends its time.

PostgreSQL comes from the `pgserver` wheel, if it is installed; it fsyncs.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parent.parent
CLIENTS, CONNECTIONS, ROUNDS = 32, 8, 3
SERVICE = "nvidia-cloud-functions-ncp-service-id-aketm"
BODY = json.dumps(
    {
        "description": "bench",
        "expires_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400)),
        "authorizations": {
            "policies": [{"aud": SERVICE, "scopes": ["invoke_function"], "resources": []}]
        },
    }
)
# The four rows of a change: the resource, how it is found, the event, the audit.
SCHEMA = (
    "CREATE TABLE resources (address TEXT PRIMARY KEY, spec TEXT, status TEXT)",
    "CREATE TABLE lookups (address TEXT, field TEXT, value TEXT, PRIMARY KEY (address, field))",
    "CREATE TABLE events (revision TEXT PRIMARY KEY, address TEXT, data TEXT)",
    "CREATE TABLE audit (sequence TEXT PRIMARY KEY, address TEXT, detail TEXT)",
)


def statements(mark: str) -> list[tuple[str, Any]]:
    """One transaction, with this mark for parameters."""
    name = str(uuid.uuid4())
    rows = (
        ("resources", (name, BODY, BODY)),
        ("lookups", (name, "owner", name)),
        ("events", (name, name, "{}")),
        ("audit", (name, name, BODY)),
    )
    marks = ", ".join([mark] * 3)
    return [(f"INSERT INTO {table} VALUES ({marks})", row) for table, row in rows]


# --------------------------------------------------------------------------- without a server


def raw_sqlite(path: str, seconds: float) -> float:
    """Transactions a second: 32 threads ask, one writes and commits for all who wait."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    for statement in SCHEMA:
        connection.execute(statement)
    waiting: deque[threading.Event] = deque()
    wake, ended, counts = threading.Condition(), threading.Event(), [0] * CLIENTS

    def taken() -> list[threading.Event]:
        with wake:
            while not waiting and not ended.is_set():
                wake.wait(0.1)
            found = list(waiting)
            waiting.clear()
            return found

    def write() -> None:
        while done := taken():
            _commit(connection, len(done))
            for one in done:
                one.set()

    def ask(number: int) -> None:
        while not ended.is_set():
            done = threading.Event()
            with wake:
                waiting.append(done)
                wake.notify()
            done.wait(1)
            counts[number] += 1

    writer = threading.Thread(target=write)
    askers = [threading.Thread(target=ask, args=(n,)) for n in range(CLIENTS)]
    rate = _timed([writer, *askers], counts, ended, seconds)
    connection.close()
    return rate


def _commit(connection: sqlite3.Connection, count: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for _ in range(count):
        for statement, row in statements("?"):
            connection.execute(statement, row)
    connection.execute("COMMIT")


def raw_postgres(url: str, seconds: float) -> float:
    """Transactions a second of 8 connections, each with its own thread."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in SCHEMA:
            table = statement.split()[2]
            connection.execute(f"DROP TABLE IF EXISTS raw_{table}")  # type: ignore[arg-type]
            connection.execute(statement.replace(table, f"raw_{table}", 1))  # type: ignore[arg-type]
    ended, counts = threading.Event(), [0] * CONNECTIONS

    def write(number: int) -> None:
        with psycopg.connect(url) as connection:
            while not ended.is_set():
                for statement, row in statements("%s"):
                    text: Any = statement.replace("INTO ", "INTO raw_")
                    connection.execute(text, row)
                connection.commit()
                counts[number] += 1

    threads = [threading.Thread(target=write, args=(n,)) for n in range(CONNECTIONS)]
    return _timed(threads, counts, ended, seconds)


def _timed(
    threads: list[threading.Thread], counts: list[int], ended: threading.Event, seconds: float
) -> float:
    for thread in threads:
        thread.start()
    time.sleep(seconds / 5)  # warm
    start, before = time.perf_counter(), sum(counts)
    time.sleep(seconds)
    rate = (sum(counts) - before) / (time.perf_counter() - start)
    ended.set()
    for thread in threads:
        thread.join()
    return rate


# --------------------------------------------------------------------------- over the API


class Client(asyncio.Protocol):
    """A connection that asks again as soon as it is answered, by hand: the server is measured."""

    def __init__(self, counts: list[int]) -> None:
        self._counts, self._data = counts, b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._ask()

    def _ask(self) -> None:
        self._transport.write(
            b"POST /v1/keys HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            b"Key-Issuer-Id: %s\r\nKey-Owner-Id: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (SERVICE.encode(), uuid.uuid4().hex.encode(), len(BODY), BODY.encode())
        )

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head, re.I)
        if found and size and len(body) >= int(size[1]):
            if not self._data.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(self._data[:300])
            self._counts[0] += 1
            self._data = b""
            self._ask()


async def _load(port: int, seconds: float) -> float:
    counts, loop = [0], asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Client(counts), "127.0.0.1", port)
        for _ in range(CLIENTS)
    ]
    await asyncio.sleep(seconds / 5)
    start, before = time.perf_counter(), counts[0]
    await asyncio.sleep(seconds)
    rate = (counts[0] - before) / (time.perf_counter() - start)
    for transport, _ in made:
        transport.abort()
    return rate


@contextmanager
def served(scratch: str, state: str, profile: bool) -> Iterator[int]:
    """The port of a server with two workers and a state."""
    log = Path(scratch, "log")
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "AICR_HOME": f"{scratch}/home",
        "AICR_STATE": state,
        "LOG_LEVEL": "info",
    }
    if profile:
        env["PYTHONPATH"] = os.pathsep.join((_profiling(scratch), env["PYTHONPATH"]))
    command = [sys.executable, "-m", "aicr", "serve", "--port", "0", "--workers", "2"]
    with log.open("wb") as err:
        process = subprocess.Popen(command, stderr=err, env=env)
    try:
        while not (found := re.search(r"Listening at: http://[\d.]+:(\d+)", log.read_text())):
            if process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        while log.read_text().count("Booting worker") < 2:
            time.sleep(0.05)
        time.sleep(1)  # both listen
        yield int(found[1])
    finally:
        process.terminate()
        process.wait()


def _profiling(scratch: str) -> str:
    """A directory whose sitecustomize profiles the writer's thread and the loop of every worker."""
    directory = Path(scratch, "site")
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(_CUSTOM.format(scratch=scratch))
    return str(directory)


_CUSTOM = """
import cProfile, os, threading
def _profiled(run, name):
    def inner(*a, **k):
        profile = cProfile.Profile()
        try:
            return profile.runcall(run, *a, **k)
        finally:
            profile.dump_stats(f"{scratch}/{{name}}.{{os.getpid()}}.prof")
    return inner
import importlib.abc, importlib.machinery, sys
class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name not in ("controlplane.state.writer", "controlplane.http.worker"):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        execute = spec.loader.exec_module
        def exec_module(module):
            execute(module)
            if name.endswith("state.writer"):
                module.Writer.run = _profiled(module.Writer.run, "writer")
            else:
                module.Worker.run = _profiled(module.Worker.run, "loop")
        spec.loader.exec_module = exec_module
        return spec
sys.meta_path.insert(0, _Finder())
"""


def breakdown(scratch: str) -> None:
    """Where the time of workers went, by thread; waiting is left out."""
    import pstats

    for name in ("writer", "loop"):
        files = sorted(map(str, Path(scratch).glob(f"{name}.*.prof")))
        if not files:
            continue
        print(f"--- {name}: own time, {len(files)} processes")
        stats: Any = pstats.Stats(*files)
        total = stats.total_tt
        rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])
        for (file, line, function), (_, calls, own, *_rest) in rows[:22]:
            where = f"{'/'.join(file.split('/')[-2:])}:{line} {function}"
            print(f"{own / total:7.1%}{calls:10}  {where}")


def compare(name: str, bound: float, raw: list[float], ours: list[float]) -> bool:
    ratio = median(o / r for o, r in zip(ours, raw, strict=True))
    print(f"{name:12}{median(raw):10.0f}/s{median(ours):10.0f}/s{ratio:8.2f}  >= {bound}")
    return ratio >= bound


def sqlite(seconds: float, profile: bool) -> bool:
    raw, ours = [], []
    with tempfile.TemporaryDirectory() as scratch:
        with served(scratch, "", profile) as port:
            for n in range(ROUNDS):
                raw.append(raw_sqlite(f"{scratch}/raw{n}.db", seconds))
                ours.append(asyncio.run(_load(port, seconds)))
        if profile:
            breakdown(scratch)
    return compare("SQLite", 0.15, raw, ours)


def postgres(seconds: float, profile: bool) -> bool:
    import pgserver

    raw, ours = [], []
    # The path of PostgreSQL's socket may be no longer than a hundred characters.
    data = tempfile.mkdtemp(prefix="pg")
    database: Any = pgserver.get_server(data)
    try:
        url = database.get_uri()
        with tempfile.TemporaryDirectory() as scratch:
            with served(scratch, url, profile) as port:
                for _ in range(ROUNDS):
                    raw.append(raw_postgres(url, seconds))
                    ours.append(asyncio.run(_load(port, seconds)))
            if profile:
                breakdown(scratch)
    finally:
        database.cleanup()
        shutil.rmtree(data, ignore_errors=True)
    return compare("PostgreSQL", 0.25, raw, ours)


def main(arguments: list[str]) -> int:
    profile = "--profile" in arguments
    numbers = [a for a in arguments if not a.startswith("--")]
    seconds = float(numbers[0]) if numbers else 5.0
    print(f"{'':12}{'bare':>12}{'API':>12}{'ratio':>8}  bound")
    held = [sqlite(seconds, profile)] if "--postgres" not in arguments else []
    if "--sqlite" not in arguments:
        held.append(postgres(seconds, profile))
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
