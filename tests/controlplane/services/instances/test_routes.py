"""Instances and their logs over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.access.scopes import ADMIN, OWN
from controlplane.runner import isolation
from controlplane.runtime.process import end
from tests.controlplane.hosts import Host, instance
from tests.controlplane.routes import INSTANCES
from tests.controlplane.services.plans.conftest import Plans

ONE = instance()
PATH = f"/v1/instances/{ONE.id.replace('/', '~')}/logs"


@pytest.fixture
def calls(own_cache: Any, tmp_path: Path) -> Iterator[Plans]:
    made = Plans(tmp_path / "home", runtime="simulated")
    made.program.runtime.start(ONE, {}, {})
    yield made
    made.program.engine.store.close()


def test_what_runs(calls: Plans) -> None:
    answer = calls.get("/v1/instances")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json == {
        "instances": [
            {
                "id": "uid/0.0/digest",
                "address": "test.things.uid",
                "name": "0.0",
                "state": "running",
                "reason": "",
                "endpoint": "",
                "isolation": "simulated",
                "startedAt": "",
                "exit": None,
            }
        ]
    }


def test_of_a_resource_also_those_that_are_gone(calls: Plans, monkeypatch: Any) -> None:
    gone = "uid/0.1/digest"
    known = {"uid": (gone, ONE.id), "other": ("other/0/d",)}
    monkeypatch.setattr(calls.program.runtime, "logged", lambda uid: known.get(uid, ()))
    found = calls.get("/v1/instances?of=uid").json["instances"]
    assert [(i["id"], i["name"], i["state"]) for i in found] == [
        (ONE.id, "0.0", "running"),
        (gone, "0.1", "gone"),
    ]
    assert set(found[0]) == set(found[1])
    assert [i["id"] for i in calls.get("/v1/instances?of=other").json["instances"]] == ["other/0/d"]
    assert calls.get("/v1/instances?of=nobody").json["instances"] == []


def test_its_log(calls: Plans) -> None:
    answer = calls.get(PATH)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "uid/0.0/digest: simulated, nothing runs\n"
    followed = calls.get(f"{PATH}?follow=true")
    assert followed.headers["content-type"].startswith("text/event-stream")
    data = [line for line in followed.text.splitlines() if line.startswith("data: ")]
    assert [json.loads(line[6:])["text"] for line in data] == [answer.text.rstrip()]


@pytest.mark.parametrize("query", ["tail=x", "tail=-1", "tail=99999999999", "follow=yes"])
def test_bad_questions(calls: Plans, query: str) -> None:
    assert calls.get(f"{PATH}?{query}").status_code == 400


def test_nobody_knows_it(calls: Plans) -> None:
    for path in ("/v1/instances/x/logs", "/v1/instances/x/logs?follow=true"):
        assert calls.get(path).status_code == 404, path


@pytest.mark.parametrize("path", ["/v1/instances", PATH])
def test_scopes(calls: Plans, path: str) -> None:
    assert calls.get(path, "").status_code == 401
    assert calls.get(path, calls.token("state:read")).status_code in (200, 404)
    for scope in {*OWN, *ADMIN} - {"state:read"}:
        assert calls.get(path, calls.token(scope)).status_code == 403, scope


def test_every_route_is_here() -> None:
    assert set(INSTANCES) == {"/v1/instances", "/v1/instances/{id}/logs"}


def test_without_a_runtime(own_cache: Any, tmp_path: Path) -> None:
    calls = Plans(tmp_path / "home", runtime="none")
    assert calls.get("/v1/instances").json == {"instances": []}
    assert calls.get(PATH).status_code == 404
    calls.program.engine.store.close()


def test_of_processes(own_cache: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    isolation.missing_bubblewrap.cache_clear()
    calls = Plans(tmp_path / "home", runtime="process")
    host = Host(tmp_path / "home")
    try:
        says = host.script("says", "for n in range(3000): print(n)", once=True)
        id_ = host.start(says)
        host.until(id_, "ended")
        (shown,) = calls.get("/v1/instances").json["instances"]
        assert (shown["state"], shown["isolation"], shown["exit"]) == ("ended", "none", 0)
        assert calls.get(PATH).text.split() == [str(n) for n in range(3000)]
        assert calls.get(f"{PATH}?tail=2").text == "2998\n2999\n"
        assert calls.get(f"{PATH}?tail=0").text == ""
        assert calls.get(f"{PATH}?tail=1&follow=true").text.count("data: ") == 1
        assert calls.get("/v1/instances/uid~0.0~other/logs").status_code == 404
        assert calls.get("/v1/instances/..~..~logs/logs").status_code == 404
    finally:
        end(str(tmp_path / "home"), 30)
        calls.program.engine.store.close()
