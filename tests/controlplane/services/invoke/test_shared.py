"""Two servers over one state, each with a home of its own: one queue for both, in tables or in
JetStream."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests import stores
from tests.controlplane.services.invoke.conftest import Served
from tests.controlplane.services.nvcf.conftest import ALL, Nvcf

JSON = "application/json"


SQLITE = stores.SQLITE


@pytest.fixture(
    params=[(SQLITE, "state"), (stores.POSTGRESQL, "state"), (SQLITE, "jetstream")], ids="-".join
)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Settings that servers have in common."""
    store, queue = request.param
    state = str(tmp_path / "state.db")
    if store == stores.POSTGRESQL:
        state = str(request.getfixturevalue("postgres").database())
    nats = (request.getfixturevalue("nats_server").url,) if queue == "jetstream" else ()
    return {"state": state, "queue": queue, "nats": nats}


@pytest.fixture
def pair(shared: dict[str, Any], tmp_path: Path) -> Iterator[tuple[Served, Served]]:
    found: list[Served] = []
    for name in ("one", "two"):
        home = tmp_path / name
        if found:
            shutil.copytree(tmp_path / "one" / "keys", home / "keys")
        nvcf = Nvcf(home=str(home), **shared)
        nvcf.admin = nvcf.token(*ALL, "invoke_function")
        found.append(Served(nvcf))
    yield found[0], found[1]
    # The second one first: instances are those of the first one.
    for served in reversed(found):
        served.close()
        served.nvcf.close()


def until(look: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end
        time.sleep(0.01)


def depth(served: Served, function: dict[str, Any]) -> int:
    path = f"/v2/nvcf/queues/functions/{function['id']}"
    return int(served.good("GET", path)["queues"][0]["queueDepth"])


def test_requests_of_both_wait_in_one_line(pair: tuple[Served, Served]) -> None:
    function = pair[0].function()
    ended: list[int] = []

    def invoke(n: int) -> None:
        answer = pair[n % 2].invoke(function, json.dumps({"n": n}), Content_Type=JSON)
        assert (answer.status, answer.json) == (200, {"n": n})
        ended.append(n)

    with ThreadPoolExecutor(8) as pool:
        running = []
        for n in range(8):
            running.append(pool.submit(invoke, n))
            until(lambda n=n: depth(pair[1 - n % 2], function) == n + 1)
        endpoint = pair[0].listen()
        pair[0].on_loop(lambda: pair[0].broker.offer(function["door"], "i", endpoint, 1))
        for done in running:
            done.result(20)
    assert sorted(ended) == list(range(8))
    assert [depth(served, function) for served in pair] == [0, 0]


def test_an_instance_of_one_answers_what_came_to_the_other(pair: tuple[Served, Served]) -> None:
    function = pair[1].function()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(pair[1].invoke, function, b"{}", Content_Type=JSON)
        until(lambda: depth(pair[0], function) == 1)
        endpoint = pair[0].listen()
        pair[0].on_loop(lambda: pair[0].broker.offer(function["door"], "i", endpoint, 1))
        assert running.result(20).status == 200


def test_results_are_had_where_their_request_was(pair: tuple[Served, Served]) -> None:
    function = pair[0].function(pair[0].listen())
    body = json.dumps({"delay_ms": 1500})
    answer = pair[1].invoke(function, body, Content_Type=JSON, NVCF_POLL_SECONDS="1")
    assert answer.status == 202
    assert pair[0].poll(answer.id).status == 404
    found = pair[1].poll(answer.id, NVCF_POLL_SECONDS="20")
    assert (found.status, found.json) == (200, {"delay_ms": 1500})
