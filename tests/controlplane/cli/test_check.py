"""`aicr check`: everything that is wrong, at its line, and nothing that needs a state."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.controlplane.cli.conftest import PRODUCTION, shown

HEAD = "apiVersion: aicr.nvidia.com/v1alpha1\nkind: ControlPlane\nmetadata: {name: a}\n"
WRONG = {
    "no YAML": "a: [",
    "another kind": "kind: Pod\n",
    "no name": "apiVersion: aicr.nvidia.com/v1alpha1\nkind: ControlPlane\nmetadata: {}\n",
    "misspelt key": f"{HEAD}spce: {{}}\n",
    "unknown service": f"{HEAD}spec: {{resources: {{acces: {{accounts: {{a: {{}}}}}}}}}}\n",
    "misspelt field": f"{HEAD}spec: {{resources: {{access: {{accounts: {{a: {{nmae: x}}}}}}}}}}\n",
    "no address": f"{HEAD}spec: {{resources: {{access: {{accounts: {{a b: {{}}}}}}}}}}\n",
    "criteria": f"{HEAD}spec: {{resources: {{aicr: {{clusters: {{c: {{criteria: {{service: esk}}}}}}}}}}}}\n",
    "a secret itself": f"{HEAD}spec: {{resources: {{access: {{secrets: {{s: {{value: the-canary}}}}}}}}}}\n",
    "a base that is not there": f"{HEAD}spec: {{base: nobody}}\n",
    "an account that is not there": f"{HEAD}spec: {{resources: {{access: {{clients: {{c: {{account: nobody}}}}}}}}}}\n",
    "protect": f"{HEAD}spec: {{resources: {{access: {{accounts: {{a: {{$protect: maybe}}}}}}}}}}\n",
}


@pytest.mark.parametrize("text", WRONG.values(), ids=list(WRONG))
def test_findings(aicr: Any, place: Path, text: str, snapshot: Any) -> None:
    (place / "site").mkdir()
    (place / "site/a.yaml").write_text(text)
    assert shown(aicr("check", "-f", "site")) == snapshot


def test_everything_at_once(aicr: Any, place: Path) -> None:
    (place / "site").mkdir()
    for i, text in enumerate((WRONG["no YAML"], WRONG["no YAML"])):
        (place / f"site/{i}.yaml").write_text(text)
    out = aicr("check", "-f", "site").out
    assert "2 errors" in out


@pytest.mark.parametrize("output", ["text", "json", "github"])
def test_formats(aicr: Any, output: str, snapshot: Any) -> None:
    assert shown(aicr("check", "-f", PRODUCTION, "--format", output)) == snapshot


def test_strict(aicr: Any) -> None:
    assert aicr("check", "-f", PRODUCTION).code == 0
    assert aicr("check", "-f", PRODUCTION, "--strict").code == 2
    assert aicr("check", "-f", PRODUCTION, "--strict", "--for", "region=any").code == 0


def test_it_needs_neither_secrets_nor_a_state(aicr: Any, place: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("PRODUCTION_WEBHOOK_SECRET")
    monkeypatch.setenv("AICR_SERVER", "http://127.0.0.1:1")
    monkeypatch.setenv("AICR_HOME", "/nowhere/at/all")
    assert aicr("check", "-f", PRODUCTION).code == 0
    assert not (place / "home").exists()


@pytest.mark.parametrize("arguments", [[], ["-f", "nowhere"]], ids=str)
def test_mistakes(aicr: Any, arguments: list[str], snapshot: Any) -> None:
    assert shown(aicr("check", *arguments)) == snapshot
