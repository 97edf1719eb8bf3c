"""Snapshots: what was measured on a cluster. Readings by path, and the criteria they imply."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from aicr.criteria import ANY, Field
from aicr.diagnostics import WARNING, Diagnostic
from aicr.errors import InvalidRequest

TYPES = ("K8s", "GPU", "OS", "SystemD", "NodeTopology")

Readings = Mapping[str, Mapping[str, Mapping[str, Any]]]


class NoReading(LookupError):
    """A path that the snapshot has no value for; the text says how far it got."""


def readings(document: Any, name: str) -> Readings:
    """type → subtype → key → value of a Snapshot document; later duplicates add to earlier ones.

    Raises InvalidRequest on a document of another shape.
    """
    if not isinstance(document, dict):
        raise InvalidRequest(f"{name}: a snapshot must be a map")
    if document.get("kind") not in (None, "", "Snapshot"):
        raise InvalidRequest(f'{name}: invalid kind "{document["kind"]}", expected "Snapshot"')
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for i, measurement in enumerate(_maps(document.get("measurements"), "measurements", name)):
        where = f"measurements[{i}]"
        kind = measurement.get("type")
        if not isinstance(kind, str):
            raise InvalidRequest(f"{name}: {where}.type must be text")
        subtypes = result.setdefault(kind, {})
        for subtype in _maps(measurement.get("subtypes"), f"{where}.subtypes", name):
            data = subtype.get("data") or {}
            if not isinstance(data, dict):
                raise InvalidRequest(f"{name}: {where}: data must be a map")
            subtypes.setdefault(str(subtype.get("subtype")), {}).update(data)
    return result


def _maps(value: Any, where: str, name: str) -> Iterable[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise InvalidRequest(f"{name}: {where} must be a list of maps")
    return value


def reading(snapshot: Readings, path: str) -> str:
    """The reading at `Type.Subtype.Key` as text; the key may itself hold dots and slashes.

    Raises ValueError for a path that cannot exist and NoReading for one that is not measured.
    """
    parts = path.split(".", 2)
    if len(parts) < 3:
        raise ValueError(
            "[INVALID_REQUEST] invalid constraint path: expected format {Type}.{Subtype}.{Key}"
        )
    kind, subtype, key = parts
    if kind not in TYPES:
        raise ValueError("[INVALID_REQUEST] invalid measurement type in constraint path")
    if kind not in snapshot:
        raise NoReading("[NOT_FOUND] measurement type not found in snapshot")
    if subtype not in snapshot[kind]:
        raise NoReading("[NOT_FOUND] subtype not found in measurement")
    if key not in snapshot[kind][subtype]:
        raise NoReading("[NOT_FOUND] key not found in subtype")
    return text_of(snapshot[kind][subtype][key])


def text_of(value: Any) -> str:
    """A reading as constraints compare it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


# Where a snapshot shows each field: type, subtypes, keys. The first reading that says it wins.
_EVIDENCE = {
    "service": ("K8s", ("server",), ("service", "version")),
    "accelerator": ("GPU", ("smi", "device"), ("gpu.model", "model")),
    "os": ("OS", ("release",), ("ID",)),
}


def criteria_of(
    snapshot: Readings, fields: Mapping[str, Field], name: str
) -> tuple[dict[str, str], list[Diagnostic]]:
    """The criteria a snapshot implies, and a warning for each reading that no value stands for.

    Intent, platform and node count are the user's to say.
    """
    found: dict[str, str] = {}
    warnings = []
    for field, (kind, subtypes, keys) in _EVIDENCE.items():
        if field not in fields:
            continue
        texts = [
            text_of(snapshot[kind][s][k])
            for s in subtypes
            for k in keys
            if kind in snapshot and k in snapshot[kind].get(s, {})
        ]
        value = next((v for t in texts if (v := _detect(t, fields[field]))), None)
        if value:
            found[field] = value
        elif texts and field != "service":  # a plain version is no cloud's: nothing to warn about
            warnings.append(_unknown(name, field, texts[0], fields[field]))
    return found, warnings


def _detect(text: str, field: Field) -> str | None:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return next((field.detect[w] for w in words if field.detect.get(w, ANY) != ANY), None)


def _unknown(name: str, field: str, text: str, declared: Field) -> Diagnostic:
    known = ", ".join(declared.values)
    message = f"{text!r} is no {field} this catalog knows ({known}); going on with {field}=any"
    return Diagnostic(name, 0, 0, WARNING, "unknown-reading", message)
