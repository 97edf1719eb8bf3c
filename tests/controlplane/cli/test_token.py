"""`aicr token create`: a token on standard output, and nothing else anywhere."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest

from controlplane.access.scopes import JWT, SCOPES
from controlplane.local import open_engine
from tests.controlplane.installation import Clock, Worker


def claims(text: str) -> Any:
    part = text.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_token(aicr: Any, home: Path) -> None:
    ran = aicr(
        "token", "create", "--client", "ncp", "--scope", "plans:read", "--scope", "state:read"
    )
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    found = claims(ran.out)
    assert (found["sub"], found["scopes"]) == ("ncp", ["plans:read", "state:read"])
    assert found["exp"] - found["iat"] == 43_200


def test_the_server_knows_it(aicr: Any, home: Path) -> None:
    bearer = aicr("token", "create", "--client", "ncp", "--scope", "plans:read").out.strip()
    clock = Clock()
    clock.now = clock.now.fromtimestamp(claims(bearer)["iat"] + 1, clock.now.tzinfo)
    worker = Worker(home, clock)
    found = asyncio.run(worker.credentials.caller(bearer))
    assert (found.subject, found.account, found.scopes) == ("ncp", "nvcf-default", {"plans:read"})
    worker.engine.store.close()


@pytest.mark.parametrize(
    ("ttl", "seconds"), [("1s", 1), ("5m", 300), ("12h", 43_200), ("365d", 31_536_000)]
)
def test_how_long(aicr: Any, home: Path, ttl: str, seconds: int) -> None:
    ran = aicr("token", "create", "--client", "ncp", "--scope", "plans:read", "--ttl", ttl)
    found = claims(ran.out)
    assert found["exp"] - found["iat"] == seconds


@pytest.mark.parametrize(
    "ttl", ["", "12", "h", "0h", "366d", "-1h", "1.5h", "1w", "٣h", "9999999s", "1e3s"]
)
def test_no_time(aicr: Any, home: Path, ttl: str) -> None:
    ran = aicr("token", "create", "--client", "ncp", "--scope", "plans:read", "--ttl", ttl)
    assert ran.code == 2
    assert "--ttl" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--client", "ncp"], 2, "--scope, as --scope plans:read"),
        (["--client", "ncp", "--scope", "plan:read"], 2, "plans:read"),
        (["--client", "ncp", "--scope", ""], 2, "nothing asks for it"),
        (
            ["--client", "nobody", "--scope", "plans:read"],
            3,
            "aicr client add nobody makes it (--client)",
        ),
        (["--scope", "plans:read"], 1, "--client"),
    ],
)
def test_what_is_missing(aicr: Any, home: Path, arguments: list[str], code: int, said: str) -> None:
    ran = aicr("token", "create", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


@pytest.mark.parametrize("name", ["", "a.b", "../x", "A B", "ü", "x" * 300])
def test_names_that_no_client_has(aicr: Any, home: Path, name: str) -> None:
    ran = aicr("token", "create", "--client", name, "--scope", "plans:read")
    assert ran.code in (2, 3)
    assert "Traceback" not in ran.err


def test_too_many_scopes(aicr: Any, home: Path) -> None:
    of_tokens = [s for s, scope in SCOPES.items() if JWT in scope.bearers]
    words = [w for s in of_tokens for p in ("", "admin:") for w in ("--scope", f"{p}{s}") * 3]
    ran = aicr("token", "create", "--client", "ncp", *words)
    assert ran.code == 2
    assert "fewer scopes" in ran.err


def test_another_state(aicr: Any, home: Path, tmp_path: Path) -> None:
    """A state of its own has a signing key of its own."""
    state = str(tmp_path / "other.db")
    assert aicr("client", "add", "ci", "--state", state).code == 0
    ran = aicr("token", "create", "--client", "ci", "--scope", "plans:read", "--state", state)
    assert claims(ran.out)["sub"] == "ci"
    assert aicr("token", "create", "--client", "ci", "--scope", "plans:read").code == 3


def test_the_audit_knows_of_it(aicr: Any, home: Path) -> None:
    made = aicr("token", "create", "--client", "ncp", "--scope", "plans:read").out.strip()
    with open_engine() as engine:
        last = engine.store.read(lambda r: r.audit(0, 100))[-1]
    assert last.actor.endswith("@local")
    assert (last.action, last.address) == ("minted", "access.clients.ncp")
    found = claims(made)
    assert last.detail == {"id": found["jti"], "expires": found["exp"], "scopes": ["plans:read"]}


def test_of_a_home_that_is_new(aicr: Any) -> None:
    assert aicr("token", "create", "--client", "ncp", "--scope", "plans:read").code == 0
