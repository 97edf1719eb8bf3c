"""Small kinds that show every property a kind can have."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from aicr.models import CriteriaSpec, Model
from controlplane.kinds import Kind, Making, table
from controlplane.state.protocol import Lookup


class Thing(Model):
    size: int = 1
    colour: str | None = None
    home: str | None = None
    uses: list[str] | None = None
    shape: dict[str, Any] | None = None


class Token(Model):
    value: str
    note: str | None = None


class Cluster(Model):
    criteria: CriteriaSpec | None = Field(default=None)


def _colours(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Iterable[Lookup]:
    if spec.get("colour"):
        yield Lookup("colour", spec["colour"])
    if status.get("shade"):
        yield Lookup("shade", status["shade"])


def _length(making: Making) -> dict[str, Any]:
    """What a plan knows of a token: how long it is, and how often it was given."""
    if "value" not in making.secrets:
        return dict(making.before)
    return {"length": len(making.secrets["value"]), "times": making.before.get("times", 0) + 1}


KINDS = table(
    Kind(
        "test.things",
        Thing,
        "Things.",
        immutable=frozenset({"home"}),
        references={"uses": "test.things"},
        lookups=_colours,
    ),
    Kind("test.tokens", Token, "Tokens.", secrets=frozenset({"value"}), status=_length),
    Kind(
        "test.digests",
        Token,
        "Tokens of which only the status is kept.",
        secrets=frozenset({"value"}),
        status=_length,
        keeps_secrets=False,
    ),
    Kind("access.secrets", Token, "Secrets of the store.", secrets=frozenset({"value"})),
    Kind("test.clusters", Cluster, "Clusters.", recipe="criteria"),
)
