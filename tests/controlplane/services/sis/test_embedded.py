"""This machine as a cluster: there from the first start, ready while the server runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane.access import bootstrap
from controlplane.clusters import offers
from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.services.sis import embedded
from tests.controlplane import engines
from tests.controlplane.services.calling import ACCOUNT
from tests.controlplane.services.sis.conftest import CLUSTERS, Sis, fault


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with engines.opened(str(tmp_path / "state.db"), KINDS) as made:
        bootstrap.prepare(made)
        yield made


def serial(engine: Engine) -> int:
    return engine.store.read(lambda r: r.meta()).serial


def offered(engine: Engine) -> dict[str, list[str]]:
    found = engine.store.read(lambda r: offers(r, ACCOUNT))
    return {gpu.name: [t.name for t in gpu.instance_types] for g in found for gpu in g.gpus}


H100 = {"H100": [f"NCP.GPU.H100_{n}x" for n in (1, 2, 4, 8)]}


def test_a_fresh_server_can_deploy_at_once(engine: Engine) -> None:
    embedded.ensure(engine, {"H100": 8})
    assert offered(engine) == H100
    before = serial(engine)
    embedded.ensure(engine, {"H100": 8})
    assert serial(engine) == before
    # Whoever comes to this server may use it.
    group = engine.store.read(lambda r: offers(r, "another"))[0]
    assert (group.name, group.owner) == ("ncp-local", ACCOUNT)


def test_other_gpus(engine: Engine) -> None:
    embedded.ensure(engine, {"H100": 8})
    id_ = engine.store.read(lambda r: offers(r, ACCOUNT))[0].clusters[0].id
    embedded.ensure(engine, {"L40S": 3, "A100": 1})
    assert offered(engine) == {
        "A100": ["NCP.GPU.A100_1x"],
        "L40S": ["NCP.GPU.L40S_1x", "NCP.GPU.L40S_2x"],
    }
    assert engine.store.read(lambda r: offers(r, ACCOUNT))[0].clusters[0].id == id_


def test_off(engine: Engine) -> None:
    embedded.ensure(engine, {})
    assert serial(engine) == serial(engine)
    embedded.ensure(engine, {"H100": 8})
    embedded.ensure(engine, {})
    assert offered(engine) == {}
    assert engine.store.read(lambda r: r.get(embedded.ADDRESS)) is None


def test_a_plan_that_manages_it_says_what_it_has(engine: Engine) -> None:
    embedded.ensure(engine, {"H100": 8})
    found = engine.store.read(lambda r: r.get(embedded.ADDRESS))
    assert found is not None
    spec = {**(found.spec or {}), "gpus": [{**(found.spec or {})["gpus"][0], "capacity": 2}]}
    engines.apply(engine, engines.plan(engine, {embedded.ADDRESS: spec}))
    embedded.ensure(engine, {"L40S": 4})
    assert offered(engine) == H100
    # Without a server there is nobody who would run anything; the resource stays the plan's.
    embedded.ensure(engine, {})
    assert offered(engine) == {}
    before = serial(engine)
    embedded.ensure(engine, {})
    assert serial(engine) == before
    embedded.ensure(engine, {"H100": 8})
    assert offered(engine) == H100


def test_it_is_listed_and_not_deleted(sis: Sis) -> None:
    found = next(c for c in sis.manage("GET", CLUSTERS).json if c["clusterName"] == "ncp-local")
    assert found["status"] == "READY"
    assert found["nvcaLastConnected"] is not None
    fault(sis.manage("DELETE", f"{CLUSTERS}/{found['clusterId']}"), 409, "AICR_CLUSTER_GPUS")


def test_the_setting_switches_it_off(own_cache: Any, tmp_path: Path) -> None:
    own = Sis(home=str(tmp_path), cluster_gpus={})
    own.manager = own.token("cluster-management")
    assert own.manage("GET", CLUSTERS).json == []
    own.close()


def test_no_plan_prunes_it(engine: Engine) -> None:
    embedded.ensure(engine, {"H100": 8})
    pruning = engines.plan(engine, {"access.accounts.x": {}}, prune=True)
    assert embedded.ADDRESS not in [s.address for s in pruning.stages]
