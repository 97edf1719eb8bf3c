"""A real server that runs processes, and a client that may deploy functions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from tests.acceptance.server import Server, until
from tests.controlplane.hosts import Host

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


def workers(server: Server) -> list[int]:
    """The pids of web workers."""
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return [int(pid) for pid in found.split()]


def again(host: Host, id_: str, child: int) -> bool:
    """Whether an instance runs, as another process."""
    return host.state(id_) == "running" and host.child(id_) != child
