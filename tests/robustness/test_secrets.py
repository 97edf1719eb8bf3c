"""Canaries: values of secrets that may stand nowhere but, encrypted, in one column."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from aicr import jsonio
from aicr.diagnostics import InvalidDocument
from aicr.errors import AicrError
from controlplane import documents, planner, secretrefs
from controlplane.compile import compile_desired
from controlplane.documents import Source
from controlplane.engine import Engine
from controlplane.home import Home
from controlplane.plan import view
from controlplane.plan.definition import PROTECT, UNPROTECT
from controlplane.state.protocol import Actor
from controlplane.vault import rotate
from tests.controlplane.engines import NO_CATALOG, apply, manifest, opened, plan
from tests.controlplane.some_kinds import KINDS
from tests.robustness.conftest import Say
from tests.stores import dump

COUNT = 20
# Odd enough to be found in any spelling, and with what JSON, SQL and shells would escape.
CANARIES = [f"canary-{n}-'\"\\ü{'x' * n}-yranac" for n in range(COUNT)]


def spellings(canary: str) -> list[bytes]:
    raw = canary.encode()
    cut = canary[:10].encode()  # "canary-7-'" and such: the beginning is not escaped anywhere
    return [
        raw,
        cut[:-2],
        canary.encode("utf-16-le"),
        base64.b64encode(raw)[:-4],
        base64.b64encode(b"x" + raw)[4:-4],
        raw.hex().encode(),
        jsonio.compact(canary).encode()[1:-1],
    ]


def nowhere(found: bytes, name: str) -> None:
    for canary in CANARIES:
        for spelling in spellings(canary):
            assert spelling not in found, f"{name} shows a secret"


def wanted(references: Mapping[str, str]) -> dict[str, Any]:
    specs: dict[str, Any] = {}
    for n, reference in enumerate(references):
        kind = ("access.secrets", "test.tokens", "test.digests")[n % 3]
        specs[f"{kind}.s{n}"] = {"value": reference}
    specs["test.tokens.of-store"] = {"value": "store:s0"}
    return specs


@pytest.fixture
def references(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Half of the canaries in variables, half in files."""
    found = {}
    for n, canary in enumerate(CANARIES):
        if n % 2:
            monkeypatch.setenv(f"CANARY_{n}", canary)
            found[f"env:CANARY_{n}"] = canary
        else:
            path = tmp_path / f"file-{n}"
            path.write_text(canary + "\n")
            found[f"file:{path}"] = canary
    return found


def everything(engine: Engine) -> bytes:
    """All that the engine says of itself."""
    said: list[Any] = [
        planner.exported(engine.store.read(planner.builder.state_of)),
        engine.store.read(lambda r: r.events(0, 10**6)),
        engine.store.read(lambda r: r.audit(0, 10**6)),
        engine.store.read(lambda r: r.resources(deleted=True)),
        [
            engine.store.read(lambda r, s=s: r.plans(s))
            for s in ("planned", "applying", "applied", "failed")
        ],
        engine.store.check(),
    ]
    return "\n".join(f"{thing!r}\n{thing!s}" for thing in said).encode()


def test_a_secret_stands_nowhere(
    where: str, references: dict[str, str], tmp_path: Path, say: Say
) -> None:
    seen: list[bytes] = []
    with opened(where) as engine:
        specs = wanted(references)
        loaded = compile_desired([manifest(specs)], {}, KINDS, NO_CATALOG)
        values = secretrefs.read(loaded.secrets, lambda r: loaded.secrets[r])
        assert values == references
        made = plan(engine, specs, values)
        planner.keep(engine, made, Actor("me"))
        seen += [made.text().encode(), repr(made).encode(), view.text(made, full=True).encode()]
        apply(engine, made, values)
        seen.append(everything(engine))
        # Other values: the plan shows that they change, and not what they are.
        others = dict(zip(references, [*CANARIES[1:], CANARIES[0]], strict=True))
        changed = plan(engine, specs, others)
        assert len(changed.stages) == COUNT + 1
        seen += [changed.text().encode(), view.text(changed, full=True).encode()]
        seen += errors(engine, changed, values)
        apply(engine, plan(engine, specs, others), others)
        for action in (PROTECT, UNPROTECT):
            apply(engine, planner.wish(engine, action, ["access.secrets.s0"]))
        engine.change_now(Actor("rest"), lambda c: c.delete(c.tx.get("access.secrets.s3")))
        drifted = plan(engine, specs, others)
        seen += [drifted.text().encode(), view.text(drifted, full=True).encode()]
        engine.store.write(lambda tx: rotate(tx, engine.vault, engine.vault))
        seen.append(everything(engine))
        # They are there, encrypted, and can be had back by whoever has the ring.
        kept = engine.store.read(lambda r: engine.vault.get(r, "test.tokens.s1#value"))
        assert kept == list(others.values())[1]
        seen.append(repr(dump(where)).encode())
        raw = [p.read_bytes() for p in tmp_path.glob("state.db*")]
        # The log of the database, what its connections share, and the turns, too.
        assert len(raw) == (4 if engine.store.is_sqlite else 0)
        seen += raw
        apply(engine, planner.destroy(engine))
        assert engine.store.read(lambda r: r.secrets()) == []
        seen.append(everything(engine))
    seen += [p.read_bytes() for p in tmp_path.glob("state.db*")]
    for n, found in enumerate(seen):
        nowhere(found, f"output {n}")
    size = sum(map(len, seen))
    say(f"{COUNT} secrets in {len(seen)} outputs of {size} bytes, in 7 spellings: 0 found")


def errors(engine: Engine, changed: Any, values: dict[str, str]) -> list[bytes]:
    found = []
    for given in ({}, values, dict.fromkeys(values, "wrong")):
        with pytest.raises(AicrError) as e:
            apply(engine, changed, given)
        found += [str(e.value).encode(), repr(e.value).encode(), repr(e.value.details).encode()]
        changed = plan(
            engine, wanted(values), dict(zip(values, [*CANARIES[1:], CANARIES[0]], strict=True))
        )
    return found


@pytest.mark.parametrize(
    "body", ["{0}", "[{0}]", "{{a: {0}}}", "{{a: [{0}]}}", "{{secret: {0}}}", "[[{0}]]"]
)
def test_a_secret_where_a_reference_should_be_is_not_repeated(body: str) -> None:
    canary = "canary-in-a-manifest"
    text = (
        "apiVersion: aicr.nvidia.com/v1alpha1\nkind: ControlPlane\nmetadata: {name: all}\n"
        "spec: {resources: {test: {tokens: {a: {value: " + body.format(canary) + "}}}}}\n"
    )
    manifests = documents.parsed([Source("a.yaml", text.encode())])
    with pytest.raises(InvalidDocument) as e:
        compile_desired(manifests, {}, KINDS, NO_CATALOG)
    assert "must be a reference to a secret" in str(e.value)
    assert canary not in str(e.value) + repr(e.value.diagnostics) + repr(e.value.details)


def test_two_documents_that_differ_in_one_do_not_repeat_it() -> None:
    both = [manifest({"test.tokens.a": {"value": f"canary-{n}"}}, f"doc{n}") for n in range(2)]
    with pytest.raises(InvalidDocument) as e:
        compile_desired(both, {}, KINDS, NO_CATALOG)
    assert "canary" not in str(e.value) + repr(e.value.diagnostics)


def test_the_home_keeps_its_ring_out_of_the_state(tmp_path: Path) -> None:
    home = Home(str(tmp_path / "home"))
    vault, token = home.vault(), home.token()
    key = base64.b64encode(next(iter(vault._ring.values())))
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file() and path.name not in ("ring.json", "admin.token"):
            assert key not in path.read_bytes()
            assert token.encode() not in path.read_bytes()
    assert key.decode() not in repr(vault)
    assert key.decode() not in repr(vars(home))
