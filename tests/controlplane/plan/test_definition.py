"""A plan as a file: one form, one digest, nothing else is accepted."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import pytest

from controlplane.plan.definition import (
    CREATE,
    DELETE,
    UPDATE,
    Difference,
    Drift,
    Plan,
    Stage,
    Tampered,
    parse,
)

PLAN = Plan(
    "lineage",
    3,
    "sha256:parent",
    "sha256:desired",
    "sha256:config",
    (
        Stage(
            "test.things.a",
            CREATE,
            None,
            {"size": 1},
            (Difference("size", None, 1, "a.yaml:7:9", False),),
            (),
            False,
        ),
        Stage(
            "test.things.b",
            UPDATE,
            {"s": "ü\u2028<&>"},
            {"s": [None, 1.5, True]},
            (),
            ("test.things.a",),
            True,
        ),
        Stage("test.things.c", DELETE, {}, None, (), ("test.things.b",), False),
    ),
    (
        Drift("test.things.d", True, ()),
        Drift("test.things.e", False, (Difference("x", 1, 2, "", False),)),
    ),
    4,
)
DATA = PLAN.text().encode()


def test_round_trip() -> None:
    assert parse(DATA, "plan.json") == PLAN
    assert parse(DATA, "plan.json").text().encode() == DATA


def test_it_says_its_format_and_its_digest() -> None:
    document = json.loads(DATA)
    assert document["formatVersion"] == "1.0"
    assert document["kind"] == "Plan"
    assert document["digest"] == PLAN.digest
    assert document["summary"] == {"create": 1, "update": 1, "delete": 1}


def test_it_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        PLAN.serial = 4
    assert not dataclasses.is_dataclass(PLAN)


@pytest.mark.parametrize("field", Plan._fields)
def test_the_digest_covers_every_field(field: str) -> None:
    changed = {"serial": 4, "unmanaged": 5, "stages": PLAN.stages[:2], "drift": ()}
    assert PLAN._replace(**{field: changed.get(field, "else")}).digest != PLAN.digest


@pytest.mark.parametrize("field", Stage._fields)
def test_the_digest_covers_every_field_of_a_stage(field: str) -> None:
    changed: dict[str, Any] = {
        "action": UPDATE,
        "before": {"x": 1},
        "after": None,
        "changes": (),
        "depends": ("x.y.z",),
        "protected": True,
    }
    stage = PLAN.stages[0]._replace(**{field: changed.get(field, "x.y.else")})
    assert PLAN._replace(stages=(stage, *PLAN.stages[1:])).digest != PLAN.digest


def test_a_thousand_flipped_bytes() -> None:
    chance = random.Random(7)  # noqa: S311
    for _ in range(1000):
        at = chance.randrange(len(DATA))
        flipped = bytes([DATA[at] ^ chance.randrange(1, 256)])
        with pytest.raises(Tampered):
            parse(DATA[:at] + flipped + DATA[at + 1 :], "plan.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(serial=4),
        lambda d: d.update(more=1),
        lambda d: d.pop("unmanaged"),
        lambda d: d.update(formatVersion="2.0"),
        lambda d: d.update(stages={}),
        lambda d: d.update(stages=[1]),
        lambda d: d["stages"][0].update(action="destroy"),
        lambda d: d["stages"][0].update(more=1),
        lambda d: d["stages"][0].pop("before"),
        lambda d: d["stages"].reverse(),
        lambda d: d["drift"].pop(),
        lambda d: d.update(summary={}),
        lambda d: d.update(digest="sha256:x"),
    ],
)
def test_a_document_that_is_not_what_was_planned(change: Any) -> None:
    document = json.loads(DATA)
    change(document)
    from aicr import jsonio

    with pytest.raises(Tampered, match=r"plan\.json is") as e:
        parse(jsonio.canonical(document) + b"\n", "plan.json")
    assert e.value.http_status == 400


def test_the_same_plan_in_another_spelling_is_refused() -> None:
    with pytest.raises(Tampered):
        parse(json.dumps(json.loads(DATA), indent=1).encode(), "plan.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b"{", b'"x"', b"1"])
def test_what_is_no_plan(data: bytes) -> None:
    with pytest.raises(Tampered):
        parse(data, "plan.json")
