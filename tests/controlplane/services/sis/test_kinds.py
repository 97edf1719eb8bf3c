"""Manifests and REST meet in one state: adopted, changed, protected, destroyed either way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aicr.diagnostics import InvalidDocument
from aicr.errors import Conflict, InvalidRequest
from controlplane import planner
from controlplane.plan.definition import ADOPT, CREATE, DELETE, PROTECT, REPLACE, UPDATE
from controlplane.services.sis.models import ClusterSpec
from tests.controlplane import engines
from tests.controlplane.services.calling import ACCOUNT
from tests.controlplane.services.sis.conftest import CLUSTERS, GPU, Sis, body, fault
from tests.controlplane.services.sis.test_jwks import key_set

ADDRESS = "sis.clusters.edge"


@pytest.fixture
def own(own_cache: Any, tmp_path: Path) -> Iterator[Sis]:
    made = Sis(home=str(tmp_path), cluster_gpus={})
    made.manager = made.token("cluster-management")
    yield made
    made.close()


def edge(**more: Any) -> dict[str, Any]:
    return body(**{"clusterName": "edge", **more})


def plan(own: Sis, specs: dict[str, Any], **more: Any) -> Any:
    return engines.plan(own.program.engine, specs, **more)


def apply(own: Sis, specs: dict[str, Any]) -> None:
    engines.apply(own.program.engine, plan(own, specs))


def status(own: Sis) -> Any:
    found = own.program.engine.store.read(lambda r: r.get(ADDRESS))
    return None if found is None else found.status


def test_a_manifest_makes_what_rest_shows(own: Sis) -> None:
    text, _ = key_set()
    apply(own, {ADDRESS: edge(jwks=text, oidcIssuer="https://i")})
    found = own.manage("GET", CLUSTERS).json
    assert [c["clusterName"] for c in found] == ["edge"]
    assert own.cluster(found[0]["clusterId"])["status"] == "NOT_READY"
    assert plan(own, {ADDRESS: edge(jwks=text, oidcIssuer="https://i")}).stages == ()


@pytest.mark.parametrize(
    "more",
    [{}, {"capabilities": [], "gpus": [GPU]}, {"clusterDescription": "d", "region": "US-East-1"},
     {"oAuthClientId": "c", "authorizedNCAIds": ["*"], "clusterConfigurations": {"a": "b"}}],
)  # fmt: skip
def test_what_rest_made_is_adopted_as_it_is(own: Sis, more: dict[str, Any]) -> None:
    own.register(clusterName="edge", **more)
    made = own.program.engine.store.read(lambda r: r.get(ADDRESS))
    assert made is not None
    canonical = ClusterSpec.model_validate(made.spec).model_dump(mode="json", exclude_none=True)
    assert canonical == made.spec
    adopting = plan(own, {ADDRESS: edge(**more)})
    assert engines.stages(adopting) == [(ADOPT, ADDRESS)]
    assert adopting.stages[0].changes == ()
    engines.apply(own.program.engine, adopting)
    assert status(own) == made.status
    assert plan(own, {ADDRESS: edge(**more)}).stages == ()


def test_a_plan_changes_what_rest_made(own: Sis) -> None:
    id_, _ = own.register(clusterName="edge")
    changed = plan(own, {ADDRESS: edge(nvcaVersion="2.0.0", clusterGroupName="moved")})
    assert engines.stages(changed) == [(ADOPT, ADDRESS)]
    engines.apply(own.program.engine, changed)
    found = own.cluster(id_)
    assert (found["nvcaVersion"], found["clusterGroupName"]) == ("2.0.0", "moved")
    assert found["status"] == "NOT_READY"


def test_rest_changes_what_a_plan_made_and_the_plan_tells(own: Sis) -> None:
    apply(own, {ADDRESS: edge()})
    path = f"{CLUSTERS}/{status(own)['clusterId']}"
    assert own.manage("PUT", path, edge(nvcaVersion="3.0.0")).status_code == 200
    again = plan(own, {ADDRESS: edge()})
    assert engines.stages(again) == [(UPDATE, ADDRESS)]
    assert [d.path for d in again.drift[0].changes] == ["nvcaVersion"]
    engines.apply(own.program.engine, again)
    assert own.manage("GET", path).json["nvcaVersion"] == "0.0.0"


def test_rest_deletes_what_a_plan_made_and_the_plan_makes_it_again(own: Sis) -> None:
    apply(own, {ADDRESS: edge()})
    assert own.manage("DELETE", f"{CLUSTERS}/{status(own)['clusterId']}").status_code == 200
    assert own.manage("GET", CLUSTERS).json == []
    again = plan(own, {ADDRESS: edge()})
    assert engines.stages(again) == [(CREATE, ADDRESS)]
    engines.apply(own.program.engine, again)
    assert len(own.manage("GET", CLUSTERS).json) == 1


def test_protection_holds_against_rest(own: Sis) -> None:
    id_, _ = own.register(clusterName="edge")
    engine = own.program.engine
    engines.apply(engine, planner.wish(engine, PROTECT, [ADDRESS]))
    fault(own.manage("DELETE", f"{CLUSTERS}/{id_}"), 409, "protected")


def test_destroy(own: Sis) -> None:
    own.register(clusterName="edge")
    apply(own, {ADDRESS: edge()})
    engine = own.program.engine
    gone = planner.destroy(engine)
    assert engines.stages(gone) == [(DELETE, ADDRESS)]
    engines.apply(engine, gone)
    assert own.manage("GET", CLUSTERS).json == []
    own.register(clusterName="edge")


def test_what_makes_a_cluster_another_one(own: Sis) -> None:
    apply(own, {ADDRESS: edge()})
    before = status(own)["clusterId"]
    replacing = plan(own, {ADDRESS: edge(oAuthClientId="client")})
    assert engines.stages(replacing) == [(REPLACE, ADDRESS)]
    engines.apply(own.program.engine, replacing)
    assert status(own)["clusterId"] != before


def test_two_clusters_of_a_group_in_one_plan(own: Sis) -> None:
    other = "sis.clusters.other"
    apply(own, {ADDRESS: edge(), other: body(clusterName="other", clusterGroupName="edge")})
    groups = {c["clusterGroupId"] for c in own.manage("GET", CLUSTERS).json}
    assert len(groups) == 1


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"clusterName": "Edge"}, "lower case"),
    ({"region": "moon-1"}, "region moon-1"),
    ({"attributes": ["Sparkling"]}, "Sparkling"),
    ({"cloudProvider": "MOON"}, "cloudProvider"),
    ({"jwks": "{]"}, "jwks"),
    ({"gpus": [GPU]}, "gpus must be empty"),
    ({"authorizedNCAIds": [ACCOUNT]}, "authorizedNCAIds"),
    ({"nvcaVersion": None}, "nvcaVersion"),
    ({"whatever": 1}, "whatever"),
]


@pytest.mark.parametrize(("more", "said"), WRONG)
def test_what_is_wrong_is_said_with_its_place(own: Sis, more: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidDocument) as e:
        plan(own, {ADDRESS: edge(**more)})
    assert said in str(e.value.message)
    assert "all.yaml:" in str(e.value.message)


def test_what_only_the_state_knows_is_said_when_it_is_applied(own: Sis) -> None:
    own.register(clusterName="edge", clusterGroupName="group")
    with pytest.raises(InvalidRequest, match=r"sis.clusters.same: .* already exists"):
        apply(own, {"sis.clusters.same": edge()})
    other = body(clusterName="other", clusterGroupName="group", cloudProvider="AWS")
    with pytest.raises(Conflict, match="cloudProvider"):
        apply(own, {"sis.clusters.other": other})


def test_an_account_that_is_nowhere(own: Sis) -> None:
    with pytest.raises(InvalidRequest, match=r"access.accounts.nobody"):
        plan(own, {ADDRESS: edge(ncaId="nobody")})


def test_keys_that_were_rotated_stay(own: Sis) -> None:
    text, _ = key_set()
    apply(own, {ADDRESS: edge(jwks=text)})
    fresh, _ = key_set()
    path = f"/v1/nvca/clusters/{status(own)['clusterId']}/jwks"
    assert own.manage("PUT", path, {"jwks": fresh}).status_code == 200
    apply(own, {ADDRESS: edge(jwks=text, nvcaVersion="2.0.0")})
    assert status(own)["jwks"] == fresh
    newest, _ = key_set()
    apply(own, {ADDRESS: edge(jwks=newest, nvcaVersion="2.0.0")})
    assert status(own)["jwks"] == newest


def test_its_stack_is_part_of_what_is_wanted(own: Sis) -> None:
    engine = own.program.engine
    criteria = {"service": "eks", "accelerator": "h100", "intent": "training"}
    asked = planner.Asked(
        [engines.manifest({ADDRESS: edge(criteria=criteria)})], {}, {}, planner.Options()
    )
    catalog = own.program._answers.catalog
    made = planner.make(engine, catalog, asked).plan
    engines.apply(engine, made)
    spec = engine.store.read(lambda r: r.get(ADDRESS)).spec  # type: ignore[union-attr]
    assert spec is not None
    assert set(spec["stack"]) == {"recipe", "bundle", "components"}
    # A replacement by REST knows nothing of it, and takes nothing away.
    path = f"{CLUSTERS}/{status(own)['clusterId']}"
    assert own.manage("PUT", path, edge()).status_code == 200
    assert planner.make(engine, catalog, asked).plan.stages == ()


def test_names_of_other_accounts_do_not_meet_ours(own: Sis) -> None:
    own.register(clusterName="edge")
    theirs = {**edge(), "ncaId": "other"}
    assert own.manage("POST", "/v1/accounts/other/clusters", theirs).status_code == 200
    found = own.program.engine.store.read(lambda r: r.resources("sis.clusters"))
    assert [r.address for r in found] == [ADDRESS, f"{ADDRESS}@other"]
