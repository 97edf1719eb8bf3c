"""GET and POST /v1/state, GET /v1/state/{address}, GET /v1/audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controlplane.families import KINDS
from controlplane.schemas import schemas
from tests.controlplane.conftest import problem
from tests.controlplane.services.plans.conftest import RESEARCH, Plans


@pytest.fixture
def one(plans: Plans) -> Plans:
    plans.applied(plans.planned()["id"])
    return plans


def test_a_resource_and_its_etag(one: Plans) -> None:
    answer = one.get(f"/v1/state/{RESEARCH}")
    assert answer.json["spec"] == answer.json["applied"] == {"name": "Research"}
    assert answer.headers["etag"] == f'"{answer.json["revision"]}"'
    known = one.program.engine.store.read(lambda r: r.get(RESEARCH))
    one.change(lambda c: c.update(known, spec={"name": "Else"}))
    changed = one.get(f"/v1/state/{RESEARCH}")
    assert changed.headers["etag"] != answer.headers["etag"]
    assert changed.json["applied"] == {"name": "Research"}


def test_what_was_deleted_behind_a_plan_is_still_known(one: Plans) -> None:
    known = one.program.engine.store.read(lambda r: r.get(RESEARCH))
    one.change(lambda c: c.delete(known))
    assert one.get(f"/v1/state/{RESEARCH}").json["spec"] is None


def test_addresses(one: Plans) -> None:
    problem(one.get("/v1/state/access.accounts.nobody"), 404, "NOT_FOUND")
    problem(one.get("/v1/state/research"), 400, "INVALID_REQUEST")


def test_documents_fit_their_schemas(one: Plans) -> None:
    made = schemas(KINDS)
    Draft202012Validator(made["State"]).validate(one.get("/v1/state").json)
    Draft202012Validator(made["Plan"]).validate(one.planned()["plan"])
    destroy = one.call("POST", "/v1/plans", {"destroy": True}).json["plan"]
    Draft202012Validator(made["Plan"]).validate(destroy)


def test_a_state_is_put_into_an_empty_one(one: Plans, tmp_path: Path) -> None:
    exported = one.get("/v1/state").json
    problem(one.call("POST", "/v1/state", exported), 409, "CONFLICT")
    other = Plans(tmp_path / "other")
    try:
        answer = other.call("POST", "/v1/state", exported)
        assert answer.json == {"resources": 3}
        restored = other.get("/v1/state").json

        def facts(state: Any) -> Any:
            # What every installation has from its start is left as it is.
            own = {"revision", "uid", "created", "updated"}
            return [{k: v for k, v in r.items() if k not in own} for r in state["resources"]]

        assert facts(restored) == facts(exported)
        assert restored["lineage"] != exported["lineage"]
        assert other.planned()["plan"]["stages"] == []
    finally:
        other.program.engine.store.close()


def _with(**fields: Any) -> Any:
    def edit(state: Any) -> Any:
        state["resources"][0].update(fields)
        return state

    return edit


HOSTILE = {
    "nothing": lambda s: {},
    "a list": lambda s: [],
    "another format": lambda s: {**s, "formatVersion": "2.0"},
    "no list": lambda s: {**s, "resources": {}},
    "no resource": lambda s: {**s, "resources": [1]},
    "lacks something": lambda s: {**s, "resources": [{"address": RESEARCH}]},
    "more": lambda s: {**s, "resource": 1},
    "no address": _with(address="x"),
    "unknown kind": _with(address="nvcf.things.x"),
    "spec is text": _with(spec="x"),
    "spec of another kind": _with(address="access.keys.x", spec={"a": 1}),
    "protected is text": _with(protected="no"),
    "revision is text": _with(revision="1"),
    "status is null": _with(status=None),
    "created is no instant": _with(created="yesterday"),
    "updated is no instant": _with(updated=""),
    "spec has more": _with(spec={"colour": "red"}),
    "applied is another": _with(applied={"name": 1}),
    "a secret in place of its mark": _with(address="access.secrets.x", spec={"value": "env:X"}),
    "twice": lambda s: {**s, "resources": [*s["resources"], s["resources"][0]]},
}


@pytest.mark.parametrize("edit", HOSTILE.values(), ids=list(HOSTILE))
def test_what_is_no_state_changes_nothing(plans: Plans, edit: Any) -> None:
    before = plans.get("/v1/state").json
    answer = plans.call("POST", "/v1/state", edit(plans.get("/v1/state").json))
    problem(answer, 400, "INVALID_REQUEST")
    assert plans.get("/v1/state").json == before


@pytest.mark.parametrize("fields", [{"spec": {"name": "Mine"}}, {"protected": False}])
def test_what_is_there_is_not_overwritten(plans: Plans, fields: Any) -> None:
    before = plans.get("/v1/state").json
    exported = plans.get("/v1/state").json
    exported["resources"][0].update(fields)
    problem(plans.call("POST", "/v1/state", exported), 409, "CONFLICT")
    assert plans.get("/v1/state").json == before


def test_the_audit_by_pages(one: Plans) -> None:
    everything = one.get("/v1/audit?limit=1000").json
    entries = everything["entries"]
    assert [e["sequence"] for e in entries] == list(range(1, len(entries) + 1))
    assert [e["previous"] for e in entries] == ["", *(e["digest"] for e in entries[:-1])]
    paged, after = [], 0
    while page := (answer := one.get(f"/v1/audit?after={after}&limit=2").json)["entries"]:
        assert len(page) <= 2
        paged += page
        assert answer["next"] == page[-1]["sequence"]
        after = answer["next"]
    assert paged == entries
    assert answer == {"entries": [], "next": after}
    assert one.get("/v1/audit?limit=0").json == {"entries": [], "next": 0}


@pytest.mark.parametrize(
    "query", ["limit=1001", "limit=-1", "limit=x", "after=-1", "after=1.0", "after=" + "9" * 30]
)
def test_pages_that_are_none(one: Plans, query: str) -> None:
    problem(one.get(f"/v1/audit?{query}"), 400, "INVALID_REQUEST")
