"""Functions as processes under a real server: through reloads, killed workers, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.acceptance.server import Server, until
from tests.controlplane.hosts import Host, kill, wait_for_end

SCOPES = "register_function list_functions list_functions_details deploy_function".split()
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
GPU = {"gpu": "H100", "instanceType": "NCP.GPU.H100_1x", "minInstances": 1, "maxInstances": 1}


class Site:
    """A server that runs processes, with its home."""

    def __init__(self, tmp_path: Path) -> None:
        self.home = tmp_path / "home"
        self.home.mkdir()
        self.environment = {"AICR_HOME": str(self.home), "AICR_RUNTIME": "process"}
        self.server = Server(tmp_path / "log", "--workers", "2", **self.environment)
        self.host = Host(self.home)

    def aicr(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aicr", *arguments],
            env={**os.environ, **self.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=False,
        )

    def login(self) -> None:
        self.aicr("client", "add", "c")
        scopes = [word for scope in SCOPES for word in ("--scope", scope)]
        token = self.aicr("token", "create", "--client", "c", *scopes).stdout.strip()
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(
            method, f"{self.server.url}/v2/nvcf/{path}", json=body, timeout=30
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def deployed(self, **function: Any) -> str:
        made = self.call("POST", "functions", {**FUNCTION, **function})["function"]
        path = f"functions/{made['id']}/versions/{made['versionId']}"
        self.call("POST", f"deployments/{path}", {"deploymentSpecifications": [GPU]})
        return path

    def becomes(self, path: str, status: str) -> None:
        until(lambda: self.call("GET", path)["function"]["status"] == status, f"{path} {status}")

    def instance(self) -> str:
        (shown,) = self.host.process.look()
        return shown.instance.id


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.server:
        made.login()
        yield made
    assert made.host.processes() == [], "a server that ends leaves nothing behind"


def workers(server: Server) -> list[int]:
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in found.split()]


def again(host: Host, id_: str, child: int) -> bool:
    """Whether it runs, as another process."""
    return host.state(id_) == "running" and host.child(id_) != child


def test_a_function_outlives_everything_but_the_end_of_its_server(site: Site) -> None:
    path = site.deployed()
    site.becomes(path, "ACTIVE")
    id_, host = site.instance(), site.host
    child = host.child(id_)
    site.server.signal(signal.SIGHUP)
    for worker in workers(site.server):
        kill(worker)
    assert host.ask(id_) == b"hello"
    kill(host.runner)
    assert host.ask(id_) == b"hello"
    assert (site.instance(), host.child(id_)) == (id_, child)
    until(site.server._ready, "the server to be ready")
    site.becomes(path, "ACTIVE")
    kill(child)
    until(lambda: again(host, id_, child), "a new instance")
    site.becomes(path, "ACTIVE")
    logs = site.aicr(
        "logs", "--server", site.server.url, f"nvcf.deployments.{path.rpartition('/')[2]}"
    )
    assert logs.stdout.count("listening on") == 2, logs.stderr
    assert site.aicr("logs", "--server", site.server.url, "nvcf.deployments.x").returncode == 3
    assert site.aicr("logs", "x").returncode == 2
    runner = host.runner
    site.call("DELETE", f"deployments/{path}")
    wait_for_end(host.child(id_))
    site.becomes(path, "INACTIVE")
    assert host.runner == runner


def test_an_image_that_cannot_run_says_what_to_add(site: Site) -> None:
    path = site.deployed(containerImage="samples.aicr.local/unknown:1")
    site.becomes(path, "ERROR")
    found = site.call("GET", f"deployments/{path}")["deployment"]["healthInfo"]
    assert f"{site.home}/images.yaml" in found[0]["error"]
