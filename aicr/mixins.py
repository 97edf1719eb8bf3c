"""Mixins: bodies that overlays share, with parameters in place of whole scalars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from aicr.check import findings
from aicr.diagnostics import did_you_mean
from aicr.documents import Documents, Parsed
from aicr.models import Body
from aicr.positions import mark, place_of

PARAMETER = re.compile(r"\$\{([A-Za-z][A-Za-z0-9]*)\}\Z")


def expand(
    docs: Documents, doc: Parsed, index: int, use: Any, model: type[BaseModel] = Body
) -> tuple[str, Parsed, dict[str, Any], Any] | None:
    """A used mixin: label, document, body with parameters filled in, and positions of the body.

    `model` says what the body must be.
    """
    name, given = (use, {}) if isinstance(use, str) else (use["name"], use.get("with") or {})
    path: tuple[str | int, ...] = ("spec", "mixins", index)
    mixin = docs.mixins.get(name)
    if mixin is None:
        hint = did_you_mean(name, docs.mixins)
        docs.error(doc, path, "unknown-mixin", f"mixin {name!r} does not exist", hint)
        return None
    spec = mixin.value["spec"]
    wanted = spec.get("parameters") or []
    for missing in sorted(set(wanted) - set(given)):
        docs.error(
            doc,
            path,
            "mixin-parameter",
            f"mixin {name} needs the parameter {missing!r}",
            "give it under with:",
        )
    for extra in sorted(set(given) - set(wanted)):
        docs.error(
            doc,
            (*path, "with", extra),
            "mixin-parameter",
            f"mixin {name} has no parameter {extra!r}",
            did_you_mean(extra, wanted),
        )
    if set(wanted) != set(given):
        return None
    body = {k: v for k, v in spec.items() if k != "parameters"}
    filler = _Filler(given, doc, path)
    filled, places = filler.fill(body, mixin.positions[1]["spec"])
    _check_use(docs, mixin, filler, wanted)
    # What the mixin itself says was checked already: what is wrong now are the values given here.
    docs.diagnostics += findings(Parsed(doc.file, filled, places), model)
    return f"mixin {name}", mixin, filled, places


def _check_use(docs: Documents, mixin: Parsed, filler: _Filler, wanted: list[str]) -> None:
    for name in sorted(filler.partial):
        text = f"${{{name}}} stands inside a longer text: a parameter replaces a whole scalar"
        docs.error(mixin, ("spec",), "mixin-parameter", text)
    for name in sorted(set(wanted) - filler.used - filler.partial):
        text = f"parameter {name!r} stands nowhere"
        docs.error(mixin, ("spec", "parameters"), "mixin-parameter", text)
    for name in sorted(filler.unknown):
        text = f"${{{name}}} is no parameter of {mixin.value['metadata']['name']}"
        docs.error(mixin, ("spec",), "mixin-parameter", text)


class _Filler:
    """Puts parameters in place of whole `${name}` scalars. A filled leaf's position is where the
    overlay states the value, as [file, mark]: that is the line somebody would change."""

    def __init__(self, given: Mapping[str, Any], doc: Parsed, path: tuple[str | int, ...]) -> None:
        self.given, self.doc, self.path = given, doc, path
        self.used: set[str] = set()
        self.unknown: set[str] = set()
        self.partial: set[str] = set()

    def fill(self, value: Any, places: Any) -> tuple[Any, Any]:
        if isinstance(value, dict):
            pairs = {k: self.fill(v, places[1][k]) for k, v in value.items()}
            values = {k: v for k, (v, _) in pairs.items()}
            return values, [places[0], {k: p for k, (_, p) in pairs.items()}]
        if isinstance(value, list):
            items = [self.fill(v, p) for v, p in zip(value, places[1], strict=True)]
            return [v for v, _ in items], [places[0], [p for _, p in items]]
        if not isinstance(value, str):
            return value, places
        match = PARAMETER.match(value)
        if not match:
            self.partial |= {n for n in self.given if f"${{{n}}}" in value}
            return value, places
        name = match[1]
        if name not in self.given:
            self.unknown.add(name)
            return value, places
        self.used.add(name)
        place = place_of(self.doc.positions, (*self.path, "with", name))
        return self.given[name], [self.doc.file, mark(*place)]
