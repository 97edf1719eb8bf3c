"""`aicr client add|list|remove`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controlplane.local import open_engine
from tests.controlplane.installation import TESTER


def rows(aicr: Any) -> list[list[str]]:
    ran = aicr("client", "list")
    assert (ran.code, ran.err) == (0, "")
    return [line.split() for line in ran.out.splitlines()]


def test_add_list_remove(aicr: Any, home: Path) -> None:
    first = [
        ["CLIENT", "ACCOUNT", "SCOPES", "DESCRIPTION"],
        ["ncp", "nvcf-default", "any", "Administration"],
    ]
    assert rows(aicr) == first
    ran = aicr("client", "add", "ci", "--scope", "plans:read", "--description", "Pipelines")
    assert (ran.code, ran.out, ran.err) == (0, "ci is registered.\n", "")
    assert rows(aicr) == [first[0], ["ci", "nvcf-default", "plans:read", "Pipelines"], first[1]]
    ran = aicr("client", "remove", "ci")
    assert (ran.code, ran.out, ran.err) == (0, "ci is removed.\n", "")
    assert rows(aicr) == first


def test_the_first_command_makes_the_installation(
    aicr: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AICR_HOME", str(tmp_path / "new"))
    assert aicr("client", "add", "ci").code == 0
    assert [row[0] for row in rows(aicr)] == ["CLIENT", "ci", "ncp"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "ncp"], 2, "access.clients.ncp exists already"),
        (["add", "ci", "--account", "nobody"], 3, "no account nobody (--account)"),
        (["remove", "nobody"], 3, "no client nobody: aicr client list shows them"),
        (["remove", "ncp"], 2, "access.clients.ncp is protected"),
        (["add", "a.b.c d"], 2, "a.b.c d"),
        (["add", ""], 2, ""),
        (["add", "ci", "--scope", "plan:read"], 2, "--scope plan:read: nothing asks for it"),
        (["add"], 1, "NAME"),
    ],
)
def test_what_cannot_be(aicr: Any, home: Path, arguments: list[str], code: int, said: str) -> None:
    ran = aicr("client", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err
    assert "Traceback" not in ran.err
    assert len(rows(aicr)) == 2


def test_what_manifests_manage(aicr: Any, home: Path) -> None:
    spec = {"account": "nvcf-default"}
    with open_engine() as engine:

        def managed(changes: Any) -> None:
            made = changes.create("access.clients.ci", spec)
            changes.put(made._replace(applied=spec), "updated")

        engine.change_now(TESTER, managed)
    ran = aicr("client", "remove", "ci")
    assert ran.code == 2
    assert "ci is managed by manifests: remove it there" in ran.err


@pytest.mark.parametrize(
    "words", ["client add ci", "client list", "client remove ncp", "token create --client ncp --scope plans:read"]
)  # fmt: skip
def test_a_server_does_not_count_here(
    aicr: Any, home: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setenv("AICR_SERVER", "http://192.0.2.1:1")
    assert "AICR_SERVER does not count here" in aicr(*words.split()).err
    assert "AICR_SERVER" not in aicr(*words.split(), "--state", str(home / "state.db")).err


def test_the_audit_names_the_user(aicr: Any, home: Path) -> None:
    aicr("client", "add", "ci")
    with open_engine() as engine:
        last = engine.store.read(lambda r: r.audit(0, 100))[-1]
    assert last.actor.endswith("@local")
    assert (last.action, last.address) == ("created", "access.clients.ci")
