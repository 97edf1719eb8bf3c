"""POST /v1/plans, GET /v1/plans/{id}, POST /v1/plans/{id}/apply."""

from __future__ import annotations

from typing import Any

import pytest

from aicr import yamlio
from controlplane.state.protocol import Transaction
from tests.controlplane.conftest import problem
from tests.controlplane.services.plans.conftest import ACCOUNTS, RESEARCH, SECRET


def test_a_plan_is_kept_and_applied_once(plans: Any) -> None:
    made = plans.planned()
    assert (made["status"], made["outcome"], made["warnings"]) == ("planned", {}, [])
    (stage,) = made["plan"]["stages"]
    assert (stage["action"], stage["address"]) == ("create", RESEARCH)
    assert stage["changes"][0]["origin"] == "a.yaml:10:17"
    path = f"/v1/plans/{made['id']}"
    assert plans.get(path).json == made
    done = plans.applied(made["id"])
    assert done.json == {
        "digest": made["id"],
        "status": "applied",
        "done": 1,
        "total": 1,
        "serial": made["plan"]["serial"] + 1,
    }
    after = plans.get(path).json
    assert after["status"] == "applied"
    assert after["outcome"]["done"] == 1
    assert after["plan"] == made["plan"]
    problem(plans.applied(made["id"]), 409, "USED_PLAN")
    assert plans.planned()["plan"]["stages"] == []


def test_the_same_plan_may_be_asked_for_twice(plans: Any) -> None:
    assert plans.planned()["id"] == plans.planned()["id"]


def test_a_document_with_positions_is_the_same_as_its_text(plans: Any) -> None:
    parsed = yamlio.parse(ACCOUNTS.encode(), "a.yaml")
    document = {"name": "a.yaml", "document": parsed.value, "positions": parsed.positions}
    answer = plans.call("POST", "/v1/plans", {"documents": [document]})
    assert answer.json == plans.planned()


POSITIONS = [
    None,
    0,
    -1,
    2**80,
    1.5,
    True,
    "x",
    [],
    [1],
    [1, 2, 3],
    [1, {}],
    [1, []],
    ["x", {"spec": [2**70, {"resources": "x"}]}],
    [0, {"spec": [0, {"resources": [0, {"access": [0, [0]]}]}]}],
    {"spec": 1},
]


@pytest.mark.parametrize("positions", POSITIONS, ids=str)
def test_positions_are_not_believed(plans: Any, positions: Any) -> None:
    """They may lie about lines, and nothing else."""
    parsed = yamlio.parse(ACCOUNTS.encode(), "a.yaml").value
    document = {"name": "a.yaml", "document": parsed, "positions": positions}
    answer = plans.call("POST", "/v1/plans", {"documents": [document]})
    assert answer.status_code == 200, answer.text
    expected = plans.planned()["plan"]
    found = answer.json["plan"]
    assert found["desiredDigest"] == expected["desiredDigest"]
    assert found["stages"][0]["after"] == expected["stages"][0]["after"]
    wrong = {**parsed, "speck": {}}
    answer = plans.call("POST", "/v1/plans", {"documents": [{**document, "document": wrong}]})
    problem(answer, 400, "INVALID_REQUEST")


def test_bases_are_told_by_depth(plans: Any) -> None:
    upper = ACCOUNTS.replace("{name: accounts}", "{name: upper}").replace("Research", "Other")
    documents = [
        {"name": "base/a.yaml", "content": ACCOUNTS, "depth": 1},
        {"name": "a.yaml", "content": upper},
    ]
    made = plans.call("POST", "/v1/plans", {"documents": documents}).json
    assert made["plan"]["stages"][0]["after"] == {"name": "Other"}
    same = [{**d, "depth": 0} for d in documents]
    problem(plans.call("POST", "/v1/plans", {"documents": same}), 400, "INVALID_REQUEST")


DOCUMENT = {"name": "a", "content": ACCOUNTS}
REFUSED = {
    "nothing": {},
    "no object": [],
    "two wishes": {"documents": [], "destroy": True},
    "addresses alone": {"documents": [DOCUMENT], "addresses": [RESEARCH]},
    "prune without documents": {"destroy": True, "prune": True},
    "unknown action": {"action": "explode", "addresses": [RESEARCH]},
    "no address": {"action": "adopt", "addresses": ["research"]},
    "unknown address": {"action": "adopt", "addresses": ["access.accounts.nobody"]},
    "unknown field": {"documents": [DOCUMENT], "forr": {}},
    "both forms": {"documents": [{**DOCUMENT, "document": {}}]},
    "neither form": {"documents": [{"name": "a"}]},
    "no name": {"documents": [{"content": ""}]},
    "no YAML": {"documents": [{"name": "a", "content": "a: ["}]},
    "no manifest": {"documents": [{"name": "a", "document": {"kind": "Pod"}}]},
    "unknown criterion": {"documents": [DOCUMENT], "for": {"region": "europe"}},
    "a number for a word": {"documents": [DOCUMENT], "for": {"region": 1}},
    "depth": {"documents": [{**DOCUMENT, "depth": -1}]},
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=list(REFUSED))
def test_refused(plans: Any, body: Any) -> None:
    said = problem(plans.call("POST", "/v1/plans", body), 400, "INVALID_REQUEST")
    assert "aicr" not in said["message"].split()[0]


def test_secrets_are_used_and_not_kept(plans: Any) -> None:
    body = {"documents": [{"name": "a.yaml", "content": SECRET}]}
    refused = plans.call("POST", "/v1/plans", body)
    assert "env:CANARY" in problem(refused, 400, "INVALID_REQUEST")["message"]
    made = plans.planned(SECRET, secrets={"env:CANARY": "feathers"})
    id_ = made["id"]
    problem(plans.applied(id_), 400, "INVALID_REQUEST")
    again = plans.planned(SECRET, secrets={"env:CANARY": "feathers"})["id"]
    answer = plans.applied(again, secrets={"env:CANARY": "feathers"})
    assert answer.status_code in (200, 409), answer.text
    everything = [made, plans.get("/v1/state").json, plans.get("/v1/audit?limit=1000").json]
    assert "feathers" not in str(everything)


def test_another_value_than_planned_is_refused(plans: Any) -> None:
    id_ = plans.planned(SECRET, secrets={"env:CANARY": "feathers"})["id"]
    problem(plans.applied(id_, secrets={"env:CANARY": "stones"}), 409, "CONFLICT")
    assert plans.get("/v1/state/access.secrets.research").status_code == 404


def test_a_stale_plan(plans: Any) -> None:
    id_ = plans.planned()["id"]
    plans.change(lambda c: c.create("access.accounts.other", {}))
    problem(plans.applied(id_), 409, "STALE_PLAN")
    assert plans.get(f"/v1/state/{RESEARCH}").status_code == 404


def test_a_plan_that_was_changed_in_the_store(plans: Any) -> None:
    id_ = plans.planned()["id"]

    def tamper(tx: Transaction) -> None:
        stored = tx.plan(id_)
        assert stored is not None
        tx.put_plan(stored._replace(document=stored.document.replace("Research", "Mallory")))

    plans.program.engine.store.write(tamper)
    problem(plans.applied(id_), 400, "TAMPERED_PLAN")
    problem(plans.get(f"/v1/plans/{id_}"), 400, "TAMPERED_PLAN")
    assert plans.get(f"/v1/state/{RESEARCH}").status_code == 404


@pytest.mark.parametrize("body", ["{", '{"secrets": 1}', '{"secret": {}}', "[]"])
def test_bodies_of_apply(plans: Any, body: str) -> None:
    id_ = plans.planned()["id"]
    problem(plans.call("POST", f"/v1/plans/{id_}/apply", body), 400, "INVALID_REQUEST")
    assert plans.get(f"/v1/plans/{id_}").json["status"] == "planned"


def test_adopt_protect_and_destroy(plans: Any) -> None:
    def wish(**body: Any) -> Any:
        return plans.call("POST", "/v1/plans", body)

    plans.change(lambda c: c.create(RESEARCH, {"name": "Research"}))
    assert wish(destroy=True).json["plan"]["stages"] == []
    for action in ("adopt", "protect"):
        made = wish(action=action, addresses=[RESEARCH]).json
        assert made["plan"]["summary"] == {action: 1}
        assert plans.applied(made["id"]).status_code == 200
        problem(wish(action=action, addresses=[RESEARCH]), 400, "INVALID_REQUEST")
    assert problem(wish(destroy=True), 409, "CONFLICT")["details"] == {"protected": [RESEARCH]}
    problem(wish(action="delete", addresses=[RESEARCH]), 409, "CONFLICT")
    plans.applied(wish(action="unprotect", addresses=[RESEARCH]).json["id"])
    made = wish(destroy=True).json
    assert made["plan"]["summary"] == {"delete": 1}
    assert plans.applied(made["id"]).json["done"] == 1
    # What the server needs itself no plan ever made.
    assert plans.get("/v1/state/access.clients.ncp").status_code == 200


def test_prune(plans: Any) -> None:
    plans.change(lambda c: c.create("access.accounts.other", {}))
    assert plans.planned()["plan"]["unmanaged"] == 3
    assert plans.planned(prune=True)["plan"]["summary"] == {"create": 1, "delete": 1}
