"""`aicr serve`: flags over environment over file; errors before anything listens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from controlplane import server
from controlplane.http.settings import ALLOWLISTS, VARIABLES, Settings
from controlplane.local import open_engine


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What would be served."""
    found: list[Settings] = []
    for name in (*VARIABLES, *ALLOWLISTS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(server, "serve", found.append)
    return found


def test_defaults(aicr: Any, served: list[Settings]) -> None:
    assert aicr("serve").code == 0
    assert served == [Settings()]


@pytest.mark.parametrize(
    ("flags", "environment", "port"),
    [
        ([], {}, 3),
        ([], {"PORT": "2"}, 2),
        (["--port", "1"], {"PORT": "2"}, 1),
        (["--port", "0"], {"PORT": "2"}, 0),
    ],
)
def test_who_wins(
    aicr: Any,
    served: list[Settings],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    flags: list[str],
    environment: Mapping[str, str],
    port: int,
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("port: 3\naicr_allowed_services: [eks, gke]\n")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert aicr("serve", "--config", str(file), *flags).code == 0
    assert served[0].port == port
    assert served[0].allowed == {"service": ("eks", "gke")}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a", "must be a map"),
        ("port: x", "PORT='x'"),
        ("prt: 1", "prt is no setting"),
        ("a: [", ""),
    ],
)
def test_a_bad_file(
    aicr: Any, served: list[Settings], tmp_path: Path, content: str, said: str
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(content)
    ran = aicr("serve", "--config", str(file))
    assert ran.code != 0
    assert said in ran.err
    assert served == []


@pytest.mark.parametrize(
    "arguments",
    [["--port", "65536"], ["--port", "x"], ["--workers", "0"], ["--nothing"], ["--config", "/no"]],
)
def test_bad_flags(aicr: Any, served: list[Settings], arguments: list[str]) -> None:
    assert aicr("serve", *arguments).code != 0
    assert served == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "no", "PORT='no'"),
        ("AICR_ALLOWED_ACCELERATORS", "h1000", "h1000"),
        ("AICR_DATA", "/does/not/exist", "/does/not/exist"),
    ],
)
def test_a_bad_environment_ends_before_it_starts(
    aicr: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("started")

    monkeypatch.setattr(server._Gunicorn, "run", never)
    monkeypatch.setenv(name, value)
    ran = aicr("serve")
    assert ran.code in (1, 2, 3)
    assert said in ran.err


def test_the_audit_knows_of_a_bootstrap_secret(
    aicr: Any, served: list[Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AICR_HOME", str(tmp_path / "home"))
    secret = aicr("serve", "--init").out.strip()
    with open_engine() as engine:
        entries = engine.store.read(lambda r: r.audit(0, 100))
    assert entries[-1].actor.endswith("@local")
    assert (entries[-1].action, entries[-1].address) == ("minted", "internal/bootstrap-digest")
    assert secret not in repr(entries)
    assert served == []
