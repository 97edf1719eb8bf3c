"""A copy of examples/, a state of one's own, and a way to change it past all plans."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.changes import Changes
from controlplane.local import open_engine
from controlplane.state.protocol import Actor
from tests.conftest import ROOT

PRODUCTION, STAGING = "examples/production", "examples/staging"
CLIENT, CLUSTER = "access.clients.research-ci", "aicr.clusters.main"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AICR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRODUCTION_WEBHOOK_SECRET", "feathers-canary")
    monkeypatch.setenv("STAGING_WEBHOOK_SECRET", "stones-canary")
    for name in ("AICR_SERVER", "AICR_STATE", "AICR_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def change() -> Callable[[Callable[[Changes], Any]], Any]:
    """Changes the state by another way than a plan."""

    def run(work: Callable[[Changes], Any]) -> Any:
        with open_engine() as engine:
            return engine.change_now(Actor("somebody"), work)

    return run


@pytest.fixture
def applied(aicr: Any) -> None:
    assert aicr("apply", "-f", PRODUCTION, "--yes").code == 0


def widen(changes: Changes) -> None:
    known = changes.tx.get(CLIENT)
    assert known is not None
    changes.update(known, spec={**(known.spec or {}), "scopes": ["plans:apply"]})


def shown(ran: Any) -> str:
    """Everything that a run printed, without what differs from run to run; for snapshots."""
    text = f"exit {ran.code}\n--- stdout\n{ran.out}--- stderr\n{ran.err}"
    assert "-canary" not in text
    text = text.replace(os.getcwd(), "HERE")
    text = re.sub(r"hmac:[0-9a-f]{12}", "hmac:DIGEST", text)
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:DIGEST", text)
    text = re.sub(r"sha256:[0-9a-f]{16}", "sha256:SHORT", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID", text)
