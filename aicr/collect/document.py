"""Facts as a Snapshot document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from aicr.collect.facts import Facts

KIND = "Snapshot"
API_VERSION = "aicr.nvidia.com/v1alpha1"


def document(
    measured: Iterable[tuple[str, Facts]], version: str, timestamp: str, node: str
) -> dict[str, Any]:
    """The document of measurements by type, in their order. The time is the caller's."""
    return {
        "kind": KIND,
        "apiVersion": API_VERSION,
        "metadata": {"version": version, "timestamp": timestamp, "source-node": node},
        "measurements": [
            {
                "type": kind,
                "subtypes": [
                    {"subtype": subtype, "data": data} for subtype, data in facts.subtypes.items()
                ],
            }
            for kind, facts in measured
        ],
    }


def rows(snapshot: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Type, subtype, key and value of each reading, on one line each."""
    from aicr.snapshot import text_of

    for measurement in snapshot["measurements"]:
        for subtype in measurement["subtypes"]:
            for key, value in subtype["data"].items():
                text = " ".join(text_of(value).split())
                yield measurement["type"], subtype["subtype"], key, text
