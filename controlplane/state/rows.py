"""Between the values of the protocol and rows of the tables: the only place that knows both."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aicr import jsonio
from controlplane.address import parse
from controlplane.state.protocol import (
    Entry,
    Event,
    Json,
    Lease,
    Line,
    Meta,
    Remembered,
    Resource,
    Secret,
    Step,
    StoredPlan,
)

Row = Mapping[str, Any]


def text(value: Any) -> str:
    """JSON in the one form that is stored and compared."""
    return jsonio.canonical(value).decode()


def text_if_any(value: Any) -> str | None:
    """The same, but None for None."""
    return None if value is None else text(value)


def _json(stored: str) -> Json:
    value: Json = json.loads(stored)
    return value


def resource_row(r: Resource) -> dict[str, Any]:
    return {
        "address": r.address,
        "kind": parse(r.address).kind,
        "uid": r.uid,
        "spec": text_if_any(r.spec),
        "applied": text_if_any(r.applied),
        "status": text(r.status),
        "protected": r.protected,
        "revision": r.revision,
        "created": r.created,
        "updated": r.updated,
    }


def resource(row: Row) -> Resource:
    stated = row["spec"]
    spec = None if stated is None else _json(stated)
    # Most resources are as the last plan left them.
    held = row["applied"]
    applied = spec if held == stated else None if held is None else _json(held)
    return Resource(
        row["address"],
        row["uid"],
        spec,
        applied,
        _json(row["status"]),
        bool(row["protected"]),
        row["revision"],
        row["created"],
        row["updated"],
    )


def meta(row: Row) -> Meta:
    return Meta(*(row[name] for name in Meta._fields))


def line(row: Row) -> Line:
    return Line(**{**_named(row, Line), "data": _json(row["data"])})


def line_row(line_: Line) -> dict[str, Any]:
    return {**line_._asdict(), "data": text(line_.data)}


def event(row: Row) -> Event:
    return Event(**{**_named(row, Event), "data": _json(row["data"])})


def entry(row: Row) -> Entry:
    return Entry(**{**_named(row, Entry), "detail": _json(row["detail"])})


def stored_plan(row: Row) -> StoredPlan:
    return StoredPlan(**{**_named(row, StoredPlan), "outcome": _json(row["outcome"])})


def plan_row(plan: StoredPlan) -> dict[str, Any]:
    return {**plan._asdict(), "outcome": text(plan.outcome)}


def step(row: Row) -> Step:
    return Step(**_named(row, Step))


def lease(row: Row) -> Lease:
    return Lease(**_named(row, Lease))


def secret(row: Row) -> Secret:
    return Secret(**_named(row, Secret))


def remembered(row: Row) -> Remembered:
    return Remembered(**_named(row, Remembered))


def _named(row: Row, kind: Any) -> dict[str, Any]:
    return {name: row[name] for name in kind._fields}
