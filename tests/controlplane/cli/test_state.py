"""`aicr state …` and `aicr drift`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aicr.outputs import ListOutput
from controlplane.families import KINDS
from controlplane.local import open_engine
from controlplane.plan.effects import secret_name
from controlplane.schemas import schemas
from tests.controlplane.cli.conftest import CLIENT, CLUSTER, PRODUCTION, shown, widen
from tests.stores import raw

OTHER = "access.accounts.other"


def test_list(aicr: Any, applied: None, change: Any, snapshot: Any) -> None:
    change(lambda c: c.create(OTHER, {}))
    change(lambda c: c.delete(c.tx.get(CLIENT)))
    assert shown(aicr("state", "list")) == snapshot
    found = aicr("state", "list", "access.acc", "--format", "json").json
    ListOutput.model_validate(found)
    assert [r["address"] for r in found["items"]] == [OTHER, "access.accounts.research"]


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_show(aicr: Any, applied: None, output: str, snapshot: Any) -> None:
    assert shown(aicr("state", "show", "access.secrets.webhook", "--format", output)) == snapshot


def test_export_and_import(aicr: Any, applied: None, place: Path) -> None:
    assert aicr("state", "export", "-o", "state.json").code == 0
    exported = json.loads((place / "state.json").read_text())
    Draft202012Validator(schemas(KINDS)["State"]).validate(exported)
    assert "canary" not in str(exported)
    assert aicr("state", "import", "state.json").code == 2
    ran = aicr("state", "import", "state.json", "--state", "new.db")
    assert (ran.code, ran.out) == (0, "Imported 4 resources.\n")
    planned = aicr("plan", "-f", PRODUCTION, "--state", "new.db").out
    assert "~ access.secrets.webhook\n" in planned, "its value is not there"
    assert planned.endswith("Plan: 1 to update.\n")
    assert aicr("apply", "-f", PRODUCTION, "--yes", "--state", "new.db").code == 0
    with open_engine("new.db") as engine:
        value = engine.store.read(
            lambda r: engine.vault.get(r, secret_name("access.secrets.webhook", "value"))
        )
    assert value == "feathers-canary"
    assert aicr("plan", "-f", PRODUCTION, "--state", "new.db").out == "No changes.\n"
    assert "yes      yes" in aicr("state", "list", CLUSTER, "--state", "new.db").out


def test_adopt(aicr: Any, applied: None, change: Any, place: Path, snapshot: Any) -> None:
    change(lambda c: c.create(OTHER, {"name": "Other"}))
    assert shown(aicr("state", "adopt", OTHER)) == snapshot
    assert f"- {OTHER}\n" in aicr("plan", "-f", PRODUCTION).out
    path = place / "examples/base/access.yaml"
    path.write_text(
        path.read_text().replace("accounts:\n", "accounts:\n        other: {name: Other}\n")
    )
    assert aicr("plan", "-f", PRODUCTION).out == "No changes.\n"


def test_what_somebody_did_can_be_kept(aicr: Any, applied: None, change: Any, place: Path) -> None:
    """Written into the files it is adopted, and no drift any more."""
    change(widen)
    path = place / "examples/base/access.yaml"
    path.write_text(path.read_text().replace("[plans:read, state:read]", "[plans:apply]"))
    assert f"<- {CLIENT}  (adopt)" in aicr("plan", "-f", PRODUCTION).out
    aicr("apply", "-f", PRODUCTION, "--yes")
    assert aicr("drift").out == "No drift.\n"


def test_protect_and_unprotect(aicr: Any, applied: None, place: Path, snapshot: Any) -> None:
    assert shown(aicr("state", "protect", CLIENT, "access.accounts.research")) == snapshot
    assert aicr("state", "unprotect", CLIENT, "access.accounts.research", CLUSTER).code == 0
    assert aicr("plan", "-f", PRODUCTION).out.startswith(f"  # {CLUSTER}  (protect)\n")


WRONG = {
    "show nothing": ["show", "aicr.clusters.mian"],
    "adopt what is managed": ["adopt", CLIENT],
    "protect twice": ["protect", CLUSTER],
    "unprotect what is not": ["unprotect", CLIENT],
    "adopt what is not there": ["adopt", OTHER],
    "no address": ["protect", "main"],
    "import nothing": ["import", "nowhere.json"],
    "two places": ["list", "--server", "http://a", "--state", "b"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=list(WRONG))
def test_mistakes(aicr: Any, applied: None, arguments: list[str], snapshot: Any) -> None:
    assert shown(aicr("state", *arguments)) == snapshot


def test_drift(aicr: Any, applied: None, change: Any, snapshot: Any) -> None:
    change(widen)
    change(lambda c: c.delete(c.tx.get("access.secrets.webhook")))
    assert shown(aicr("drift")) == snapshot
    found = aicr("drift", "--format", "json").json
    Draft202012Validator(schemas(KINDS)["DriftOutput"]).validate(found)
    assert [d["deleted"] for d in found["drift"]] == [False, True]


@pytest.mark.parametrize("variable", ["AICR_STATE", "--state"])
def test_where_the_state_is(aicr: Any, monkeypatch: Any, place: Path, variable: str) -> None:
    more = []
    if variable.startswith("--"):
        monkeypatch.setenv("AICR_SERVER", "http://127.0.0.1:1")  # what is said wins
        more = [variable, "own.db"]
    else:
        monkeypatch.setenv(variable, "own.db")
    assert aicr("apply", "-f", PRODUCTION, "--yes", *more).code == 0
    assert (place / "own.db").stat().st_mode & 0o777 == 0o600
    assert not (place / "home/state.db").exists()


MISSPELT = {
    "drift": ["drift"],
    "plan": ["plan", "-f", PRODUCTION],
    "destroy": ["destroy", "--yes"],
    "list": ["state", "list"],
    "export": ["state", "export"],
    "adopt": ["state", "adopt", OTHER],
    "rotate": ["state", "rotate-keys"],
    "check": ["state", "check"],
}


@pytest.mark.parametrize("arguments", MISSPELT.values(), ids=list(MISSPELT))
def test_a_state_that_is_not_there_is_not_made(
    aicr: Any, place: Path, arguments: list[str]
) -> None:
    ran = aicr(*arguments, "--state", "typo.db")
    assert ran.code == 3
    assert "typo.db: there is no state yet" in ran.err
    assert "--state" in ran.err
    assert not (place / "typo.db").exists()
    if arguments[0] != "plan":
        ran = aicr(*arguments)
        assert ran.code == 3
        assert "AICR_HOME" in ran.err
        assert not (place / "home").exists()


def test_no_key_is_added_when_something_cannot_be_opened(
    aicr: Any, applied: None, place: Path
) -> None:
    ring = place / "home/keys/ring.json"
    before = ring.read_text()
    raw(str(place / "home/state.db"), "UPDATE secrets SET data = ?", b"damaged")
    ran = aicr("state", "rotate-keys")
    assert ran.code == 2
    assert "was changed in the store" in ran.err
    assert ring.read_text() == before


def test_check(aicr: Any, applied: None, place: Path) -> None:
    ran = aicr("state", "check")
    assert (ran.code, ran.out) == (0, "The state is sound: 6 audit entries, 4 resources.\n")
    raw(str(place / "home/state.db"), "UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
    ran = aicr("state", "check")
    assert ran.code == 8
    assert ran.out == "audit entry 2 was changed\n"
    assert "the state is damaged" in ran.err
