"""The plan: a frozen value with one canonical JSON form, and the digest of that form.

What explains it, what checks it in CI and what applies it all read these same stages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from aicr import jsonio
from aicr.errors import AicrError, InvalidRequest

FORMAT_VERSION = "1.0"
KIND = "Plan"
CREATE, UPDATE, REPLACE, DELETE, ADOPT = "create", "update", "replace", "delete", "adopt"
PROTECT, UNPROTECT = "protect", "unprotect"
ACTIONS = (CREATE, UPDATE, REPLACE, DELETE, ADOPT, PROTECT, UNPROTECT)

Json = Mapping[str, Any]


class Difference(NamedTuple):
    """One field that changes. `before` or `after` is None when the field is not there; `origin` is
    the file, line and column that ask for it, empty when nobody's file does."""

    path: str
    before: Any
    after: Any
    origin: str
    forces: bool


class Stage(NamedTuple):
    """One change of one resource. `protected` is whether it is protected afterwards."""

    address: str
    action: str
    before: Json | None
    after: Json | None
    changes: tuple[Difference, ...]
    depends: tuple[str, ...]
    protected: bool

    def document(self) -> dict[str, Any]:
        return {**self._asdict(), "changes": [c._asdict() for c in self.changes]}


class Drift(NamedTuple):
    """A managed resource that is not as it was applied last, whatever is wanted of it now."""

    address: str
    deleted: bool
    changes: tuple[Difference, ...]

    def document(self) -> dict[str, Any]:
        return {**self._asdict(), "changes": [c._asdict() for c in self.changes]}


class Plan(NamedTuple):
    """What would change in which state. `parent` is the plan that was applied last, to
    its end or not."""

    lineage: str
    serial: int
    parent: str
    desired: str
    config: str
    stages: tuple[Stage, ...]
    drift: tuple[Drift, ...]
    unmanaged: int

    @property
    def is_empty(self) -> bool:
        return not self.stages

    def body(self) -> dict[str, Any]:
        """Everything but the digest, as JSON."""
        return {
            "formatVersion": FORMAT_VERSION,
            "kind": KIND,
            "lineage": self.lineage,
            "serial": self.serial,
            "parent": self.parent,
            "desiredDigest": self.desired,
            "configDigest": self.config,
            "summary": self.summary(),
            "stages": [stage.document() for stage in self.stages],
            "drift": [drift.document() for drift in self.drift],
            "unmanaged": self.unmanaged,
        }

    def summary(self) -> dict[str, int]:
        """How many resources each action concerns; only actions that there are."""
        counts = dict.fromkeys(ACTIONS, 0)
        for stage in self.stages:
            counts[stage.action] += 1
        return {action: count for action, count in counts.items() if count}

    @property
    def digest(self) -> str:
        return _digest(self.body())

    def text(self) -> str:
        """The one form in which a plan is stored and sent."""
        body = self.body()
        return jsonio.canonical({**body, "digest": _digest(body)}).decode() + "\n"


def _digest(body: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(jsonio.canonical(body)).hexdigest()}"


class Tampered(AicrError):
    """A plan that is not what was planned."""

    code, exit_code, http_status = "TAMPERED_PLAN", 2, 400


def parse(data: bytes, name: str) -> Plan:
    """The plan in a file, byte for byte as it was written.

    Raises InvalidRequest for what is no plan, and Tampered when a byte of it was changed.
    """
    try:
        document = jsonio.parse(data, name)
    except InvalidRequest as e:
        raise Tampered(f"{name} is no plan: {e.message}") from None
    plan = of_document(document, name)
    if plan.text().encode() != data:
        raise Tampered(f"{name} is not what was planned: its digest does not fit; plan again")
    return plan


def of_document(document: Any, name: str) -> Plan:
    """The plan in a JSON document. Raises Tampered for what is none."""
    version = document.get("formatVersion") if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise Tampered(f"{name} is no plan of format {FORMAT_VERSION}")
    try:
        return Plan(
            document["lineage"],
            document["serial"],
            document["parent"],
            document["desiredDigest"],
            document["configDigest"],
            tuple(_stage(s) for s in document["stages"]),
            tuple(
                Drift(d["address"], d["deleted"], _differences(d["changes"]))
                for d in document["drift"]
            ),
            document["unmanaged"],
        )
    except (KeyError, TypeError, AttributeError):
        raise Tampered(f"{name} is no plan of format {FORMAT_VERSION}") from None


def _stage(s: Mapping[str, Any]) -> Stage:
    if s["action"] not in ACTIONS:
        raise KeyError(s["action"])
    known = {name: s[name] for name in Stage._fields}
    return Stage(**{**known, "changes": _differences(s["changes"]), "depends": tuple(s["depends"])})


def _differences(found: Any) -> tuple[Difference, ...]:
    return tuple(Difference(**{name: c[name] for name in Difference._fields}) for c in found)
