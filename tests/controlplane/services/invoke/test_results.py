"""Results of requests as files: had once, and lost with the worker that waited for them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controlplane.services.invoke.results import KEEP_SECONDS, Head, Results, State

HEAD = Head("acme", 200, [(b"x-own", "é".encode("latin-1"))])


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "results")


def test_a_result_from_its_beginning_to_its_poll(path: str) -> None:
    owner, other = Results(path, "w1"), Results(path, "w2")
    assert other.look("r", "acme") is State.UNKNOWN
    owner.begin("r", "acme", "door")
    assert other.look("r", "acme") is State.PENDING
    assert other.look("r", "evil") is State.UNKNOWN
    assert other.door("r") == "door"
    with owner.spool("r", HEAD) as f:
        f.write(b"line\nline")
    assert other.look("r", "acme") is State.PENDING
    owner.finish("r")
    assert other.look("r", "acme") is State.DONE
    assert other.look("r", "evil") is State.UNKNOWN
    found = other.claim("r")
    assert found is not None
    head, body = found
    with body:
        assert (head, body.read()) == (HEAD, b"line\nline")
    assert owner.claim("r") is None
    assert owner.look("r", "acme") is State.UNKNOWN
    owner.close()
    assert os.listdir(path) == []


def test_files_are_private(path: str) -> None:
    owner = Results(path, "w1")
    owner.begin("r", "acme", "door")
    assert os.stat(path).st_mode & 0o777 == 0o700
    assert {os.stat(f"{path}/{n}").st_mode & 0o777 for n in os.listdir(path)} == {0o600}
    owner.close()


def test_what_failed_is_said_once(path: str) -> None:
    owner, other = Results(path, "w1"), Results(path, "w2")
    owner.begin("r", "acme", "door")
    owner.fail("r")
    assert other.look("r", "acme") is State.FAILED
    assert [other.claim_failure("r"), owner.claim_failure("r")] == [True, False]
    assert other.look("r", "acme") is State.UNKNOWN
    owner.close()


def test_what_a_killed_worker_waited_for_has_failed(path: str) -> None:
    script = (
        "import sys; from controlplane.services.invoke.results import Results\n"
        f"results = Results({path!r}, 'dead'); results.begin('r', 'acme', 'door')\n"
        "print('there', flush=True); sys.stdin.read()"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        other = Results(path, "w2")
        assert other.look("r", "acme") is State.PENDING
        process.kill()
        process.wait()
    assert other.look("r", "acme") is State.FAILED
    assert other.claim_failure("r")
    assert other.look("r", "acme") is State.UNKNOWN


def test_old_ones_are_forgotten_but_not_what_is_waited_for(path: str) -> None:
    owner = Results(path, "w1")
    for request in ("waits", "done"):
        owner.begin(request, "acme", "door")
    owner.spool("done", HEAD).close()
    owner.finish("done")
    Path(path, "lost.pending").write_text('{"account": "acme", "worker": "dead"}')
    owner.sweep(time.time() + KEEP_SECONDS - 60)
    assert sorted(os.listdir(path)) == ["done.done", "lost.pending", "w1.worker", "waits.pending"]
    owner.sweep(time.time() + KEEP_SECONDS + 60)
    assert sorted(os.listdir(path)) == ["w1.worker", "waits.pending"]
    owner.close()


def test_who_waits_hears_of_it(path: str) -> None:
    async def work() -> float:
        results = Results(path, "w1")
        began = time.monotonic()
        waiting = asyncio.create_task(results.news("r", 0.4))
        await asyncio.sleep(0)
        results.settled("other")
        results.settled("r")
        await waiting
        return time.monotonic() - began

    assert asyncio.run(work()) < 0.3
