"""aicr token and aicr client, over a home of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlplane.access import bootstrap
from controlplane.access.tokens import Tokens
from controlplane.local import open_engine

Aicr = Callable[..., Any]


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICR_HOME", str(tmp_path))


def test_a_token_of_a_client_verifies(aicr: Aicr) -> None:
    assert aicr("client", "add", "ci", "--scope", "plans:read", "--scope", "state:read").code == 0
    made = aicr("token", "create", "--client", "ci", "--scope", "plans:read", "--ttl", "1h")
    assert made.code == 0, made.err
    with open_engine() as engine:
        tokens = Tokens(bootstrap.prepare(engine).signing)
    claims = tokens.verify(made.out.strip())
    assert (claims.subject, claims.scopes) == ("ci", {"plans:read"})


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("--client nobody --scope plans:read", 3, "aicr client add nobody"),
        ("--client ci", 2, "say what the token may do"),
        ("--client ci --scope plans:reed", 2, "did you mean 'plans:read'"),
        ("--client ci --scope launch_task", 2, "counts for API keys only"),
        ("--client ci --scope plans:apply", 2, "tokens of ci may carry plans:read"),
        ("--client ci --scope plans:read --ttl 0s", 2, "from 1s to 365d"),
        ("--client ci --scope plans:read --ttl soon", 2, "write a number and s, m, h or d"),
    ],
)
def test_what_is_refused(aicr: Aicr, arguments: str, code: int, words: str) -> None:
    aicr("client", "add", "ci", "--scope", "plans:read")
    ran = aicr("token", "create", *arguments.split())
    assert ran.code == code, ran.err
    assert words in ran.err
    assert ran.out == ""


def test_clients_come_and_go(aicr: Aicr) -> None:
    assert aicr("client", "add", "ci", "--description", "builds").code == 0
    assert aicr("client", "add", "ci").code == 2
    assert aicr("client", "add", "x", "--account", "none").code == 3
    assert aicr("client", "add", "y", "--scope", "plans:reed").code == 2
    listed = aicr("client", "list").out
    assert all(word in listed for word in ("ci", "builds", "ncp", "nvcf-default"))
    assert aicr("client", "remove", "ci").code == 0
    assert aicr("client", "remove", "ci").code == 3
    assert aicr("client", "remove", "ncp").code == 2, "the administrator's client is protected"


@pytest.mark.parametrize("words", ["list", "remove ci"])
@pytest.mark.parametrize("state", ["", " --state other.db"])
def test_no_state_is_made_to_look_or_to_remove(
    aicr: Aicr, tmp_path: Path, words: str, state: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    ran = aicr("client", *f"{words}{state}".split())
    assert (ran.code, ran.out) == (3, "")
    assert "there is no state yet" in ran.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("server", ["http://[::1", "http://aicr:port", "http://aicr:99999", "aicr"])
def test_a_server_that_is_none(aicr: Aicr, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.setenv("AICR_SERVER", server)
    ran = aicr("client", "list")
    assert (ran.code, ran.out) == (2, "")
    assert f"{server} is no URL of a server: http://HOST:PORT (AICR_SERVER)" in ran.err
