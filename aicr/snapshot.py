"""Snapshots: what was measured on a cluster. Readings by path, and the criteria they imply."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

from aicr.criteria import Field
from aicr.diagnostics import WARNING, Diagnostic, did_you_mean
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
            subtypes.setdefault(str(subtype.get("subtype") or ""), {}).update(data)
    return result


_KEYS = {
    "": ("kind", "apiVersion", "metadata", "measurements"),
    "measurements": ("type", "subtypes"),
    "subtypes": ("subtype", "data", "context"),
}


def oddities(document: Mapping[str, Any], name: str) -> list[Diagnostic]:
    """Warnings about what nothing will ever read: unknown keys and measurement types."""
    found = _unknown_keys(document, "", "", name)
    for i, measurement in enumerate(document.get("measurements") or []):
        where = f"measurements[{i}]"
        found += _unknown_keys(measurement, "measurements", where, name)
        if measurement.get("type") not in TYPES:
            hint = did_you_mean(str(measurement.get("type")), TYPES)
            text = f"{where}.type {measurement.get('type')!r} is no measurement type"
            found.append(Diagnostic(name, 0, 0, WARNING, "unknown-type", text, hint))
        for j, subtype in enumerate(measurement.get("subtypes") or []):
            found += _unknown_keys(subtype, "subtypes", f"{where}.subtypes[{j}]", name)
    if not document.get("measurements"):
        text = "the snapshot has no measurements"
        found.append(Diagnostic(name, 0, 0, WARNING, "empty", text))
    return found


def _unknown_keys(value: Mapping[str, Any], level: str, where: str, name: str) -> list[Diagnostic]:
    known = _KEYS[level]
    dot = where and where + "."
    return [
        Diagnostic(
            name, 0, 0, WARNING, "unknown-key", f"{dot}{key} has no effect: no such key",
            did_you_mean(key, known),
        )
        for key in value
        if key not in known
    ]  # fmt: skip


def _maps(value: Any, where: str, name: str) -> Iterable[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise InvalidRequest(f"{name}: {where} must be a list of maps")
    return value


def is_measurement(path: str) -> bool:
    """Whether a path means a reading, `Type.Subtype.Key`; a type in the wrong case does, too:
    that is a mistake to report, not a name of something else."""
    parts = path.split(".", 2)
    return len(parts) == 3 and parts[0].casefold() in {kind.casefold() for kind in TYPES}


def reading(snapshot: Readings, path: str) -> str:
    """The reading at `Type.Subtype.Key` as text; the key may itself hold dots and slashes.

    The subtype ends at the first dot, unless only a longer one is there (`containerd.service`).
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
        subtype, key = _dotted(snapshot[kind], f"{subtype}.{key}")
    if key not in snapshot[kind][subtype]:
        raise NoReading("[NOT_FOUND] key not found in subtype")
    return text_of(snapshot[kind][subtype][key])


def _dotted(subtypes: Iterable[str], rest: str) -> tuple[str, str]:
    """Subtype and key where the longest subtype with dots that is there ends. Raises NoReading."""
    name = max((s for s in subtypes if s and rest.startswith(f"{s}.")), key=len, default="")
    if not name:
        raise NoReading("[NOT_FOUND] subtype not found in measurement")
    return name, rest[len(name) + 1 :]


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
    snapshot: Readings, fields: Mapping[str, Field], name: str, stated: Container[str] = ()
) -> tuple[dict[str, str], list[Diagnostic]]:
    """The criteria a snapshot implies, and a warning for each reading that no value stands for.

    Intent, platform and node count are the user's to say, and so are the `stated` fields.
    """
    found: dict[str, str] = {}
    warnings = []
    for field, (kind, subtypes, keys) in _EVIDENCE.items():
        if field not in fields or field in stated:
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
    """The value whose words stand in the text as whole words; the longest of several."""
    words = _words(text)
    candidates = [word for word in field.detect if _words(word) in words]
    return field.detect[max(candidates, key=len)] if candidates else None


def _words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def _unknown(name: str, field: str, text: str, declared: Field) -> Diagnostic:
    known = ", ".join(declared.values)
    message = f"{text!r} is no {field} this catalog knows ({known}); going on with {field}=any"
    return Diagnostic(name, 0, 0, WARNING, "unknown-reading", message)
