"""`aicr plan`: what it prints, what it writes, and its exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controlplane.families import KINDS
from controlplane.schemas import schemas
from tests.controlplane.cli.conftest import CLIENT, PRODUCTION, STAGING, shown, widen


def test_what_is_new(aicr: Any, snapshot: Any) -> None:
    assert shown(aicr("plan", "-f", PRODUCTION)) == snapshot


def test_every_field(aicr: Any, snapshot: Any) -> None:
    assert shown(aicr("plan", "-f", STAGING, "--full")) == snapshot


def test_a_change_and_drift(aicr: Any, applied: None, change: Any, snapshot: Any) -> None:
    change(widen)
    assert shown(aicr("plan", "-f", STAGING)) == snapshot


def test_drift_that_was_deleted(aicr: Any, applied: None, change: Any, snapshot: Any) -> None:
    change(lambda c: c.delete(c.tx.get(CLIENT)))
    assert shown(aicr("plan", "-f", PRODUCTION)) == snapshot


def test_what_is_no_longer_declared(aicr: Any, applied: None, place: Path, snapshot: Any) -> None:
    (place / "examples/base/access.yaml").unlink()
    assert shown(aicr("plan", "-f", PRODUCTION)) == snapshot


def test_an_origin_moves_with_its_line(aicr: Any, applied: None, place: Path) -> None:
    path = place / "examples/base/access.yaml"
    path.write_text("# one more line\n" + path.read_text().replace("state:read", "audit:read"))
    assert "examples/base/access.yaml:18:11" in aicr("plan", "-f", PRODUCTION).out


def test_json_is_the_plan(aicr: Any, place: Path) -> None:
    ran = aicr("plan", "-f", PRODUCTION, "--format", "json", "-o", "plan.json")
    assert ran.out == (place / "plan.json").read_text()
    Draft202012Validator(schemas(KINDS)["Plan"]).validate(ran.json)


def test_where_it_was_written(aicr: Any, applied: None) -> None:
    ran = aicr("plan", "-f", STAGING, "-o", "plan.json")
    assert ran.out.endswith("Written to plan.json: aicr apply plan.json\n")
    assert ran.err == ""
    assert "Written" not in aicr("plan", "-f", PRODUCTION, "-o", "plan.json").out


def test_planning_changes_nothing(aicr: Any, applied: None) -> None:
    before = aicr("state", "export").out
    aicr("plan", "-f", STAGING, "-o", "plan.json")
    assert aicr("state", "export").out == before


WRONG = {
    "no manifests": ["plan"],
    "no such directory": ["plan", "-f", "nowhere"],
    "criterion without effect": ["plan", "-f", PRODUCTION, "--for", "region=asia"],
    "criterion nobody knows": ["plan", "-f", PRODUCTION, "--for", "regoin=europe"],
    "criterion without a value": ["plan", "-f", PRODUCTION, "--for", "region"],
    "criterion twice": ["plan", "-f", PRODUCTION, "--for", "region=europe,region=any"],
    "two places": ["plan", "-f", STAGING, "--server", "http://a", "--state", "b"],
    "a catalog beside a server": ["plan", "-f", STAGING, "--server", "http://a", "--data", "b"],
    "no URL": ["plan", "-f", STAGING, "--server", "aicr:8080"],
    "nobody there": ["plan", "-f", STAGING, "--server", "http://127.0.0.1:1"],
    "no directory for the plan": ["plan", "-f", STAGING, "-o", "no/plan.json"],
    "state in no directory": ["apply", "-f", STAGING, "--state", "no/state.db"],
    "strict": ["plan", "-f", PRODUCTION, "--strict"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=list(WRONG))
def test_mistakes(aicr: Any, arguments: list[str], snapshot: Any) -> None:
    assert shown(aicr(*arguments)) == snapshot


def test_a_secret_that_is_missing(aicr: Any, monkeypatch: Any, snapshot: Any) -> None:
    monkeypatch.delenv("PRODUCTION_WEBHOOK_SECRET")
    assert shown(aicr("plan", "-f", PRODUCTION)) == snapshot


def test_a_secret_that_changed(aicr: Any, applied: None, monkeypatch: Any) -> None:
    monkeypatch.setenv("PRODUCTION_WEBHOOK_SECRET", "another-canary")
    ran = aicr("plan", "-f", PRODUCTION)
    assert "~ access.secrets.webhook" in ran.out
    assert "canary" not in ran.out


# --------------------------------------------------------------------------- --detailed-exitcode

BROKEN = "kind: ControlPlane\n"


@pytest.mark.parametrize("command", [["plan", "-f", PRODUCTION], ["drift"]], ids=["plan", "drift"])
def test_detailed(aicr: Any, change: Any, command: list[str]) -> None:
    aicr("apply", "-f", PRODUCTION, "--yes")
    assert aicr(*command, "--detailed-exitcode").code == 0
    change(widen)
    assert aicr(*command, "--detailed-exitcode").code == 2
    assert aicr(*command).code == 0


@pytest.mark.parametrize("arguments", WRONG.values(), ids=list(WRONG))
def test_no_mistake_is_taken_for_a_change(aicr: Any, arguments: list[str]) -> None:
    assert aicr(*arguments, "--detailed-exitcode").code == 1


@pytest.mark.parametrize(
    "more", [["--nothing"], ["--format", "xml"], ["extra"], ["-f"]], ids=" ".join
)
@pytest.mark.parametrize("command", ["plan", "drift"])
def test_nor_is_one_of_the_command_line(aicr: Any, command: str, more: list[str]) -> None:
    assert aicr(command, "--detailed-exitcode", *more).code == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("command", [["plan", "-f", STAGING], ["drift"]], ids=["plan", "drift"])
def test_nor_is_output_that_cannot_be_written(aicr: Any, command: list[str]) -> None:
    aicr("plan", "-f", STAGING)  # makes the state
    import subprocess
    import sys

    from tests.conftest import ROOT

    with open("/dev/full", "wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "aicr", *command, "--detailed-exitcode"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    assert ran.returncode == 1
    assert b"No space left" in ran.stderr


def test_nor_are_broken_manifests_and_stores(aicr: Any, place: Path) -> None:
    (place / "broken").mkdir()
    (place / "broken/a.yaml").write_text(BROKEN)
    assert aicr("plan", "-f", "broken", "--detailed-exitcode").code == 1
    (place / "state.db").write_text("this is no database, " * 100)
    for command in (["plan", "-f", STAGING], ["drift"]):
        assert aicr(*command, "--state", "state.db", "--detailed-exitcode").code == 1
    assert json.loads(aicr("drift", "--format", "json").out) == {
        "formatVersion": "1.0",
        "drift": [],
    }


def test_two_directories_are_refused(aicr: Any, place: Path) -> None:
    ran = aicr("plan", "-f", str(place), "-f", "elsewhere")
    assert ran.code == 2
    assert "-f can be said once" in ran.err
