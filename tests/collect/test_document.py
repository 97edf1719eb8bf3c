"""Snapshot documents: legal, and readable by what reads snapshots."""

from __future__ import annotations

import pytest

from aicr import models, yamlio
from aicr.collect.document import document, rows
from aicr.collect.facts import Facts
from aicr.snapshot import oddities, reading, readings

MEASURED = [
    ("K8s", Facts({}, ("K8s: refused",))),
    ("SystemD", Facts({"containerd.service": {"ActiveState": "active"}})),
    ("OS", Facts({"release": {"VERSION_ID": "24.04"}, "kmod": {"nvidia": True}})),
]
SNAPSHOT = document(MEASURED, "1.0", "2026-01-01T00:00:00Z", "node-a")


def test_the_document_is_a_snapshot() -> None:
    models.Snapshot.model_validate(SNAPSHOT)
    assert SNAPSHOT["metadata"] == {
        "version": "1.0",
        "timestamp": "2026-01-01T00:00:00Z",
        "source-node": "node-a",
    }
    assert [m["type"] for m in SNAPSHOT["measurements"]] == ["K8s", "SystemD", "OS"]
    assert oddities(SNAPSHOT, "s") == []


def test_what_was_measured_is_read_back() -> None:
    found = readings(SNAPSHOT, "s")
    assert reading(found, "OS.release.VERSION_ID") == "24.04"
    assert reading(found, "SystemD.containerd.service.ActiveState") == "active"


@pytest.mark.parametrize(
    "text", ["24.04", "yes", "1:30", "a\nb", "\x01\x7f\x85\ufffd", "", "- x", "#", "0x1f"]
)
def test_text_stays_text_in_yaml(text: str) -> None:
    taken = document([("OS", Facts({"grub": {"a": text, "b": True, "c": 1}}))], "1", "t", "n")
    assert yamlio.parse(yamlio.dump(taken).encode(), "s").value == taken


def test_rows() -> None:
    assert list(rows(SNAPSHOT)) == [
        ("SystemD", "containerd.service", "ActiveState", "active"),
        ("OS", "release", "VERSION_ID", "24.04"),
        ("OS", "kmod", "nvidia", "true"),
    ]
