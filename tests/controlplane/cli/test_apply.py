"""`aicr apply` and `aicr destroy`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.cli.conftest import CLIENT, CLUSTER, PRODUCTION, STAGING, shown


def test_manifests(aicr: Any, snapshot: Any) -> None:
    assert shown(aicr("apply", "-f", PRODUCTION, "--yes")) == snapshot
    assert aicr("apply", "-f", PRODUCTION).out == "No changes.\n"


def test_a_written_plan_once(aicr: Any, snapshot: Any) -> None:
    aicr("plan", "-f", STAGING, "-o", "plan.json")
    assert aicr("apply", "plan.json", "--yes").code == 0
    assert shown(aicr("apply", "plan.json", "--yes")) == snapshot


def test_a_stale_plan(aicr: Any, change: Any, snapshot: Any) -> None:
    aicr("plan", "-f", STAGING, "-o", "plan.json")
    change(lambda c: c.create("access.accounts.other", {}))
    ran = aicr("apply", "plan.json", "--yes")
    assert (ran.code, "[STALE_PLAN]" in ran.err) == (2, True)
    assert CLIENT not in aicr("state", "list").out


def test_a_plan_of_another_state(aicr: Any) -> None:
    aicr("plan", "-f", STAGING, "-o", "plan.json")
    ran = aicr("apply", "plan.json", "--yes", "--state", "other.db")
    assert (ran.code, "another state" in ran.err) == (2, True)


@pytest.mark.parametrize(
    "edit",
    [b"", b"{}", b"[]", b"null", b"\xff", None],
    ids=["empty", "{}", "[]", "null", "ff", "byte"],
)
def test_what_is_no_plan(aicr: Any, place: Path, edit: bytes | None) -> None:
    aicr("plan", "-f", STAGING, "-o", "plan.json")
    path = place / "plan.json"
    path.write_bytes(
        path.read_bytes().replace(b"research", b"resaerch", 1) if edit is None else edit
    )
    ran = aicr("apply", "plan.json", "--yes")
    assert ran.code == 2
    assert "[TAMPERED_PLAN] plan.json" in ran.err


def test_secrets_are_asked_for_when_applied(aicr: Any, monkeypatch: Any, snapshot: Any) -> None:
    aicr("plan", "-f", STAGING, "-o", "plan.json")
    monkeypatch.setenv("STAGING_WEBHOOK_SECRET", "other-canary")
    ran = aicr("apply", "plan.json", "--yes")
    assert (ran.code, "another value than when this was planned" in ran.err) == (2, True)
    monkeypatch.delenv("STAGING_WEBHOOK_SECRET")
    aicr("plan", "-f", STAGING, "-o", "plan.json")
    assert "is not set" in aicr("apply", "plan.json", "--yes").err


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def terminal(monkeypatch: Any, typed: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(io.BytesIO(typed.encode())))


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 130), ("\n", 130), ("", 130)])
def test_it_asks(aicr: Any, monkeypatch: Any, typed: str, code: int) -> None:
    terminal(monkeypatch, typed)
    ran = aicr("apply", "-f", STAGING)
    assert "Plan: 4 to create.\n" in ran.out
    assert "Apply this? [y/N]" in ran.err
    assert (ran.code != 0) == (code != 0)
    assert ("Applied: 4 of 4" in ran.out) == (code == 0)
    assert (CLIENT in aicr("state", "list").out) == (code == 0)


def test_where_nobody_can_be_asked(aicr: Any, monkeypatch: Any, snapshot: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert shown(aicr("apply", "-f", STAGING)) == snapshot
    assert CLIENT not in aicr("state", "list").out


WRONG = {
    "nothing": [],
    "a plan and manifests": ["plan.json", "-f", STAGING],
    "a plan and a catalog": ["plan.json", "--data", "nowhere"],
    "a plan and criteria": ["plan.json", "--for", "region=europe"],
    "no such plan": ["plan.json"],
    "two places": ["-f", STAGING, "--state", "a", "--server", "http://b"],
}


@pytest.mark.parametrize("arguments", WRONG.values(), ids=list(WRONG))
def test_mistakes(aicr: Any, arguments: list[str], snapshot: Any) -> None:
    assert shown(aicr("apply", *arguments, "--yes")) == snapshot


def test_destroy(aicr: Any, applied: None, change: Any, snapshot: Any) -> None:
    change(lambda c: c.create("access.accounts.unmanaged", {}))
    assert shown(aicr("destroy", "--yes")) == snapshot
    assert aicr("state", "unprotect", CLUSTER).code == 0
    assert "4 to delete. 1 unmanaged left alone." in aicr("destroy", "--yes").out
    assert aicr("destroy").out == "No changes. 1 unmanaged left alone.\n"


def test_replacing_what_is_protected_is_refused(aicr: Any, applied: None, place: Path) -> None:
    (place / "examples/base/clusters.yaml").unlink()
    path = place / "examples/production/production.yaml"
    path.write_text(path.read_text().partition("    aicr:")[0] + "    access: {}\n")
    ran = aicr("apply", "-f", PRODUCTION, "--yes")
    assert (ran.code, f"[CONFLICT] {CLUSTER}: protected" in ran.err) == (2, True)
