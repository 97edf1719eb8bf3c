"""Every request that is accepted gets one answer, or one error that is documented, whatever is
killed meanwhile; and no function gets a request twice."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import psutil
import pytest

from controlplane.http.settings import JETSTREAM, STATE
from controlplane.runtime.process import Process
from tests import stores
from tests.acceptance.server import Server, until
from tests.nats import NatsServer, nats_server

SCOPES = ("register_function", "deploy_function", "invoke_function", "list_functions")
ROUNDS = 13 if os.environ.get("AICR_ROBUSTNESS") == "full" else 2
CLIENTS = 8
# What a client may be told: an answer, or in its place 500 (the function went, or who waited for
# it), 503 (the worker ends), 504 (nobody came).
DOCUMENTED = {200, 500, 503, 504}


class Installation:
    """A server with two workers, and a function with two instances that keeps what it was sent."""

    def __init__(
        self, scratch: Path, settings: Mapping[str, str], nats: NatsServer | None = None
    ) -> None:
        self.nats = nats
        self.home, self.got = scratch / "home", scratch / "got"
        self.got.mkdir()
        self.home.mkdir(mode=0o700)
        script = scratch / "function.py"
        script.write_text(FUNCTION)
        (self.home / "images.yaml").write_text(
            "images:\n"
            f"  - image: samples.aicr.local/keeps:1\n"
            f"    command: [{sys.executable}, {script}, '{{port}}', {self.got}]\n"
            "    isolation: none\n"
        )
        environment = {"AICR_HOME": str(self.home), "AICR_RUNTIME": "process", **settings}
        self.server = Server(scratch / "log", "--workers", "2", **environment)
        self.environment = {**os.environ, **environment}

    def __enter__(self) -> Self:
        self.server.__enter__()
        command = [sys.executable, "-m", "aicr", "token", "create", "--client", "ncp"]
        for scope in SCOPES:
            command += ["--scope", scope]
        self.bearer = subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True
        ).stdout.strip()
        made = self._call("/v2/nvcf/functions", BODY)["function"]
        self.function, version = made["id"], made["versionId"]
        at = f"functions/{self.function}/versions/{version}"
        self._call(f"/v2/nvcf/deployments/{at}", {"deploymentSpecifications": [GPU]})
        self.runtime = Process(str(self.home))
        until(lambda: len(self.running()) == 2, "two instances")
        until(lambda: self.invoke(uuid4().hex) == 200, "the function to be active")
        return self

    def __exit__(self, *_: object) -> None:
        self.server.__exit__()

    def running(self) -> list[Any]:
        return [shown for shown in self.runtime.look() if shown.health.state == "running"]

    def _call(self, path: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.bearer}"}
        answer = self.server.post(path, json=body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def invoke(self, word: str) -> int:
        """The status; 0 when the connection ended without one, as with a worker that is killed."""
        headers = {"Authorization": f"Bearer {self.bearer}", "NVCF-POLL-SECONDS": "20"}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            path = f"/v2/nvcf/pexec/functions/{self.function}"
            connection.request("POST", path, word, headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()
        if answer.status == 200:
            assert body.decode() == word
        return answer.status

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.server.process.pid).children()


FUNCTION = """
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Keeps(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.say(b"well")
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with open(f"{sys.argv[2]}/{body.decode()}", "ab") as f:
            f.write(b"x")
        time.sleep(0.02)
        self.say(body)
    def say(self, body):
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Keeps).serve_forever()
"""
HEALTH = {
    "protocol": "HTTP", "uri": "/", "port": 8000, "timeout": "PT5S", "expectedStatusCode": 200,
}  # fmt: skip
BODY = {
    "name": "keeps", "inferenceUrl": "/", "inferencePort": 8000, "health": HEALTH,
    "containerImage": "samples.aicr.local/keeps:1",
}  # fmt: skip
GPU = {
    "gpu": "H100", "instanceType": "NCP.GPU.H100_1x", "minInstances": 2, "maxInstances": 2,
    "maxRequestConcurrency": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def mortal() -> Iterator[NatsServer]:
    """A NATS server that may be killed."""
    with nats_server() as server:
        yield server


@pytest.fixture(scope="module")
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """What a server is told for each kind of installation."""
    found = {}
    if request.param in (stores.POSTGRESQL, STATE):
        found["AICR_STATE"] = str(request.getfixturevalue("postgres").database())
    if request.param in (STATE, JETSTREAM):
        found["AICR_QUEUE"] = request.param
    if request.param == JETSTREAM:
        found["AICR_NATS"] = request.getfixturevalue("mortal").url
    return found


@pytest.fixture(scope="module")
def installation(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    settings: dict[str, str],
) -> Iterator[Installation]:
    nats = request.getfixturevalue("mortal") if "AICR_NATS" in settings else None
    with Installation(tmp_path_factory.mktemp("site"), settings, nats) as found:
        yield found


def _reload(at: Installation) -> None:
    at.server.signal(signal.SIGHUP)


def _kill_worker(at: Installation) -> None:
    at.children()[-1].kill()


def _kill_runner(at: Installation) -> None:
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[1:4] == ["-m", "controlplane.runner", str(at.home)]:
            process.kill()


def _kill_instance(at: Installation) -> None:
    port = at.running()[0].health.endpoint.rpartition(":")[2]
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if line[-2:] == [port, str(at.got)]:
            process.kill()


def _restart_nats(at: Installation) -> None:
    assert at.nats is not None
    at.nats.kill()
    at.nats.start()


# Each database with the queue of the runner, and each other queue.
KINDS = [stores.SQLITE, stores.POSTGRESQL, STATE, JETSTREAM]
Harm = Callable[[Installation], None]


@pytest.mark.parametrize("settings", KINDS, indirect=True, scope="module")
@pytest.mark.parametrize("harm", [_reload, _kill_worker, _kill_runner, _kill_instance])
def test_each_request_has_one_answer(installation: Installation, harm: Harm) -> None:
    hold_out(installation, harm)


@pytest.mark.parametrize("settings", [JETSTREAM], indirect=True, scope="module")
def test_each_request_has_one_answer_whatever_becomes_of_nats(installation: Installation) -> None:
    hold_out(installation, _restart_nats)


def hold_out(at: Installation, harm: Harm) -> None:
    """Clients ask all the time while it happens again and again."""
    over = threading.Event()
    answers: list[int] = []

    def ask() -> None:
        while not over.is_set():
            answers.append(at.invoke(uuid4().hex))

    clients = [threading.Thread(target=ask, daemon=True) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(ROUNDS):
        before = len(answers)
        until(lambda before=before: len(answers) > before + 20, "answers before")  # type: ignore[misc]
        harm(at)
        after = len(answers)
        until(
            lambda after=after: answers[after:].count(200) > 20,  # type: ignore[misc]
            f"answers after: {Counter(answers)}",
        )
        # What is killed again and again is started again after up to a minute.
        until(lambda: len(at.running()) == 2, "both instances", deadline=90)
    over.set()
    for client in clients:
        client.join(60)
    counts = Counter(answers)
    cut = counts.pop(0, 0)  # a worker that is killed cannot say anything
    assert cut <= (CLIENTS * ROUNDS if harm is _kill_worker else 0), counts
    assert set(counts) <= DOCUMENTED, counts
    times = Counter(p.stat().st_size for p in at.got.iterdir())
    assert set(times) <= {0, 1}, times  # 0: an instance was killed before it wrote
    assert times[1] >= counts[200]
    errors = sum(n for status, n in counts.items() if status != 200)
    assert errors <= CLIENTS * ROUNDS, counts
