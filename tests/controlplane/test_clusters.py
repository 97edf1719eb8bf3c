"""What GPUs an account is offered: by owner and authorisation, group, state and usage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from controlplane import clusters
from controlplane.clusters import CONTAINER, DEFAULT, Group, offers
from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.state.protocol import Actor
from tests.controlplane import engines

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
FRESH, STALE = "2026-01-01T11:55:00Z", "2026-01-01T11:49:00Z"
ME = Actor("me")


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with engines.opened(str(tmp_path / "state.db"), KINDS) as made:
        yield made


def gpu(name: str = "H100", *types: dict[str, Any]) -> dict[str, Any]:
    own = {"name": f"{name}_1x", "value": f"{name}_1x", "default": True}
    return {"name": name, "capacity": 8, "instanceTypes": list(types) or [own]}


MULTI = {"name": "two", "value": "two", "nodeType": "MULTI"}


def add(engine: Engine, name: str, group: str = "g", owner: str = "a", **more: Any) -> None:
    spec = {
        "clusterName": name,
        "clusterGroupName": group,
        "ncaId": owner,
        "cloudProvider": "AWS",
        "region": "us-west-1",
        "nvcaVersion": "1",
        "authorizedNCAIds": more.pop("authorized", []),
        "gpus": more.pop("gpus", [gpu()]),
    }
    ids = {"clusterId": f"id-{name}", "clusterGroupId": f"{owner}-{group}"}
    status = {**ids, "status": "READY", "lastHealthy": FRESH, **more}
    engine.change_now(ME, lambda c: c.create(f"sis.clusters.{name}", spec, status))


def offered(engine: Engine, account: str = "a", usage: str = DEFAULT) -> list[Group]:
    return engine.store.read(lambda r: offers(r, account, usage, now=NOW))


def names(found: list[Group]) -> dict[str, dict[str, list[str]]]:
    """GPUs with their types, by group."""
    return {g.name: {x.name: [t.name for t in x.instance_types] for x in g.gpus} for g in found}


def test_nothing(engine: Engine) -> None:
    assert offered(engine) == []


@pytest.mark.parametrize(
    ("status", "seen"),
    [({}, True), ({"lastHealthy": STALE}, False), ({"lastHealthy": None}, False),
     ({"status": "NOT_READY"}, False), ({"status": "CORDON"}, False),
     ({"lastHealthy": None, "embedded": True}, True),
     ({"status": "NOT_READY", "embedded": True}, False)],
)  # fmt: skip
def test_only_what_is_ready_counts(engine: Engine, status: dict[str, Any], seen: bool) -> None:
    add(engine, "one", **status)
    assert bool(offered(engine)) is seen


@pytest.mark.parametrize(
    ("authorized", "account", "seen"),
    [
        ([], "a", True),
        ([], "b", False),
        (["b"], "b", True),
        (["c"], "b", False),
        (["*"], "b", True),
    ],
)
def test_whose_it_is(engine: Engine, authorized: list[str], account: str, seen: bool) -> None:
    add(engine, "one", authorized=authorized)
    assert bool(offered(engine, account)) is seen


def test_a_cluster_without_gpus_offers_nothing(engine: Engine) -> None:
    add(engine, "one", gpus=[])
    assert offered(engine) == []


def test_discovered_gpus(engine: Engine) -> None:
    add(engine, "one")
    engine.change_now(ME, _discover)
    assert names(offered(engine)) == {"g": {"L40S": ["L40S_1x"]}}


def _discover(changes: Any) -> None:
    found = changes.tx.get("sis.clusters.one")
    spec = {**found.spec, "gpus": []}
    changes.update(found, spec=spec, status={**found.status, "gpus": [gpu("L40S")]})


def test_groups(engine: Engine) -> None:
    add(engine, "one", authorized=["b", "c"])
    add(engine, "two", authorized=["c", "d"], gpus=[gpu(), gpu("A100")])
    add(engine, "three", "h")
    found = offered(engine)
    assert names(found) == {
        "g": {"A100": ["A100_1x"], "H100": ["H100_1x"]},
        "h": {"H100": ["H100_1x"]},
    }
    assert [c.name for c in found[0].clusters] == ["one", "two"]
    assert (found[0].id, found[0].owner) == ("a-g", "a")
    assert found[0].authorized == ("c",)


def test_a_gpu_that_a_foreign_sibling_has_too(engine: Engine) -> None:
    add(engine, "one", authorized=["b"], gpus=[gpu(), gpu("A100")])
    add(engine, "two", authorized=[], gpus=[gpu("A100")])
    assert names(offered(engine, "b")) == {"g": {"H100": ["H100_1x"]}}
    assert names(offered(engine, "a"))["g"].keys() == {"A100", "H100"}


def test_usage(engine: Engine) -> None:
    add(engine, "one", gpus=[gpu("H100", {"name": "s", "value": "s"}, MULTI), gpu("B200", MULTI)])
    add(engine, "two", "h", gpus=[gpu("B200", MULTI)])
    assert names(offered(engine)) == {
        "g": {"B200": ["two"], "H100": ["s", "two"]},
        "h": {"B200": ["two"]},
    }
    assert names(offered(engine, usage=CONTAINER)) == {"g": {"H100": ["s"]}}


def test_what_is_free(engine: Engine) -> None:
    add(engine, "one", gpuUsage={"H100": {"capacity": 8, "allocated": 3, "available": 5}})
    found = offered(engine)[0].clusters[0].gpus[0]
    assert (found.capacity, found.available) == (8, 5)


def test_placements(engine: Engine) -> None:
    assert engine.store.read(lambda r: clusters.placements(r, "id-one")) == []
