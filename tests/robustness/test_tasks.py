"""kill -9 of servers, workers and runners while tasks run: each ends once, and none ran twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from controlplane.services.nvct.lifecycle import STATES, TERMINAL
from tests.conftest import ROOT
from tests.robustness.conftest import Say, size

TASKS, KILLS = size(200, 12), size(100, 4)
SERVICE = "nvidia-cloud-tasks-ncp-service-id-nvcttasks"
SCOPES = ["launch_task", "list_tasks", "task_details", "list_events"]
IMAGE = "docker.io/test/once:1"
SECONDS = 120.0


class Site:
    """A server that is started again whenever it was killed."""

    def __init__(self, home: Path, state: str) -> None:
        self.home, self.state, self.ran = home, state, home / "ran"
        home.mkdir()
        # Says who it is before it works: what ran twice stands there twice.
        script = f'echo "$NVCT_TASK_ID" >> {self.ran}; sleep 0.1'
        image = {
            "image": "docker.io/test/*",
            "command": ["/bin/sh", "-c", script],
            "isolation": "none",
        }
        (home / "images.yaml").write_text(json.dumps({"images": [image]}))
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def serve(self) -> None:
        log = self.home / f"log-{time.monotonic_ns()}"
        environment = {
            **os.environ, "AICR_HOME": str(self.home), "AICR_STATE": self.state,
            "PYTHONPATH": str(ROOT), "AICR_RUNTIME": "process", "AICR_CLUSTER_GPUS": "H100=8",
            "AICR_REGISTRY_CHECK": "log",
        }  # fmt: skip
        command = [sys.executable, "-m", "aicr", "serve", "--port", "0", "--workers", "2"]
        with log.open("wb") as err:
            self.process = subprocess.Popen(
                command, stderr=err, env=environment, start_new_session=True
            )
        until = time.monotonic() + SECONDS
        while not (said := _after(log.read_text(), "Listening at: ")):
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < until
            _pause()
        self.url = said

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer; of a server that is being killed once it is there again."""
        data = None if body is None else json.dumps(body).encode()
        until = time.monotonic() + SECONDS
        while True:
            request = urllib.request.Request(  # noqa: S310
                f"{self.url}{path}",
                data,
                {**headers, "Content-Type": "application/json"},
                method=method,
            )
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                    return json.loads(answer.read())
            except (urllib.error.HTTPError, OSError, ValueError) as e:
                if isinstance(e, urllib.error.HTTPError) and e.code < 500:
                    raise
                assert time.monotonic() < until, e
                if self.process is not None and self.process.poll() is not None:
                    self.serve()
                _pause()

    def victims(self) -> dict[str, list[int]]:
        """What can be killed, by what it is."""
        assert self.process is not None
        workers = _pids("-P", str(self.process.pid))
        runner = _pids("-f", f"controlplane.runner {self.home}")
        # Of a server all that is in its group: also a worker that it has only just started.
        group = _pids("-g", str(self.process.pid))
        found = {"server": group, "worker": workers[:1], "runner": runner}
        return {what: pids for what, pids in found.items() if pids}

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


def _after(text: str, word: str) -> str:
    return (
        text.partition(word)[2].partition(" ")[0].partition("\\")[0].strip('"')
        if word in text
        else ""
    )


def _pids(*how: str) -> list[int]:
    found = subprocess.run(["pgrep", *how], capture_output=True, text=True, check=False)
    return [int(p) for p in found.stdout.split()]


def _pause() -> None:
    """Between two looks at another process, which says nothing by itself."""
    time.sleep(0.05)


@pytest.fixture
def site(where: str, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "home", where)
    made.serve()
    yield made
    made.end()


def key(site: Site) -> str:
    policy = {"aud": SERVICE, "scopes": SCOPES, "resources": [{"type": "account-tasks", "id": "*"}]}
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86400))
    body = {"description": "kills", "expires_at": until, "authorizations": {"policies": [policy]}}
    made = site.call(
        "POST",
        "/v1/keys",
        body,
        **{"Key-Issuer-Id": SERVICE, "Key-Owner-Id": "kills@nvct-api.local"},
    )
    return str(made["value"])


def test_every_task_ends_once_and_none_runs_twice(site: Site, say: Say) -> None:
    bearer = {"Authorization": f"Bearer {key(site)}"}
    body = {
        "name": "once", "containerImage": IMAGE, "resultHandlingStrategy": "NONE",
        "gpuSpecification": {"gpu": "H100", "instanceType": "NCP.GPU.H100_1x"},
    }  # fmt: skip
    ids = [site.call("POST", "/v1/nvct/tasks", body, **bearer)["task"]["id"] for _ in range(TASKS)]
    chance, killed = random.Random(7), Counter[str]()  # noqa: S311
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.0, 0.4))  # the random point
        found = site.victims()
        what = chance.choice(sorted(found))
        if what == "server" and site.process is not None:
            os.killpg(site.process.pid, signal.SIGKILL)
        for pid in found[what]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed[what] += 1
        if what == "server" and site.process is not None:
            site.process.wait()
            site.serve()
    states = _wait(site, ids, bearer)
    ran = Counter(site.ran.read_text().split())
    say(f"{TASKS} tasks, kills {dict(killed)}: {dict(Counter(states.values()))}, {len(ran)} ran")
    assert set(states.values()) <= set(TERMINAL)
    assert max(ran.values()) == 1
    assert {id_ for id_, state in states.items() if state == "COMPLETED"} <= set(ran)
    for id_, state in states.items():
        _check_events(site, id_, state, bearer)


def _wait(site: Site, ids: list[str], bearer: dict[str, str]) -> dict[str, str]:
    until = time.monotonic() + SECONDS * 3
    while True:
        found = site.call("POST", "/v1/nvct/tasks/bulk", {"taskIds": ids}, **bearer)["tasks"]
        states = {t["id"]: t["status"] for t in found}
        if set(states.values()) <= set(TERMINAL):
            return states
        assert time.monotonic() < until, Counter(states.values())
        _pause()


def _check_events(site: Site, id_: str, state: str, bearer: dict[str, str]) -> None:
    """From QUEUED on, each change from where the one before has led, to one end."""
    found = site.call("GET", f"/v1/nvct/tasks/{id_}/events?limit=100", **bearer)["events"]
    assert len({e["eventId"] for e in found}) == len(found)
    assert [e["createdAt"] for e in found] == sorted(e["createdAt"] for e in found)
    at = "QUEUED"
    for e in found:
        words = e["message"].split("'")
        assert words[1] == at
        at = words[3]
        assert at in STATES
    assert at == state
    assert [e["message"].split("'")[3] in TERMINAL for e in found].count(True) == 1
