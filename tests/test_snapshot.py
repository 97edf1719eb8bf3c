"""Snapshots: readings, and the criteria they imply (contract sections 7 and 11.1)."""

from __future__ import annotations

from typing import Any

import pytest

from aicr.catalog import Catalog
from aicr.criteria import fields_of
from aicr.errors import InvalidRequest
from aicr.snapshot import NoReading, criteria_of, oddities, reading, readings


def snapshot(kind: str, subtype: str, **data: Any) -> dict[str, Any]:
    return {"measurements": [{"type": kind, "subtypes": [{"subtype": subtype, "data": data}]}]}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (snapshot("K8s", "server", version="v1.33.1-eks-abc"), {"service": "eks"}),
        (snapshot("K8s", "server", version="v1.33.5-gke.1337000"), {"service": "gke"}),
        (snapshot("K8s", "server", version="v1.34.1-aks-1"), {"service": "aks"}),
        (snapshot("K8s", "server", version="v1.33.1"), {}),
        (snapshot("K8s", "server", version="v1.33.1-eks-1", service="oke"), {"service": "oke"}),
        (snapshot("GPU", "smi", **{"gpu.model": "NVIDIA H100 80GB HBM3"}), {"accelerator": "h100"}),
        (snapshot("GPU", "smi", **{"gpu.model": "NVIDIA GB200"}), {"accelerator": "gb200"}),
        (snapshot("GPU", "smi", **{"gpu.model": "NVIDIA B200"}), {"accelerator": "b200"}),
        (snapshot("GPU", "device", model="a100-sxm"), {"accelerator": "a100"}),
        (snapshot("OS", "release", ID="ubuntu"), {"os": "ubuntu"}),
        (snapshot("OS", "release", ID="amzn"), {"os": "amazonlinux"}),
        (snapshot("OS", "release", ID="cos"), {"os": "cos"}),
        ({"measurements": None}, {}),
    ],
)
def test_criteria(builtin: Catalog, document: Any, expected: dict[str, str]) -> None:
    found, warnings = criteria_of(readings(document, "s.yaml"), builtin.fields, "s.yaml")
    assert found == expected
    assert warnings == []


@pytest.mark.parametrize("model", ["NVIDIA L40S", "Tesla T4", "NVIDIA H200"])
def test_an_unknown_gpu_is_said_not_guessed(builtin: Catalog, model: str) -> None:
    document = snapshot("GPU", "smi", **{"gpu.model": model})
    found, (warning,) = criteria_of(readings(document, "s.yaml"), builtin.fields, "s.yaml")
    assert found == {}
    assert model in warning.message


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"measurement": []}, ["measurement has no effect", "has no measurements"]),
        (
            {"measurements": [{"type": "Gpu"}]},
            ["measurements[0].type 'Gpu' is no measurement type"],
        ),
        (
            {"measurements": [{"type": "OS", "subtypes": [{"name": "release"}]}]},
            ["measurements[0].subtypes[0].name has no effect"],
        ),
        (snapshot("OS", "release", ID="ubuntu"), []),
    ],
)
def test_what_nothing_will_read_is_said(document: Any, words: list[str]) -> None:
    found = [d.message for d in oddities(document, "s.yaml")]
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


def test_a_model_of_several_words_is_detected() -> None:
    values = [{"name": "rtx-6000", "detect": ["rtx pro 6000"]}, {"name": "rtx", "detect": []}]
    fields = fields_of({"accelerator": {"values": values}})
    document = snapshot("GPU", "smi", **{"gpu.model": "NVIDIA RTX PRO 6000 Blackwell"})
    found, _ = criteria_of(readings(document, "s.yaml"), fields, "s.yaml")
    assert found == {"accelerator": "rtx-6000"}


def test_readings_keep_dots_and_slashes_in_keys() -> None:
    values = readings(snapshot("OS", "sysctl", **{"/proc/sys/net.x": 5}), "s.yaml")
    assert reading(values, "OS.sysctl./proc/sys/net.x") == "5"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("SystemD.containerd.service.ActiveState", "active"),
        ("SystemD.a.b.c.d", "longest"),
        ("SystemD.x.y.Key", "first dot"),
    ],
)
def test_subtypes_with_dots(path: str, expected: str) -> None:
    units = {
        "containerd.service": {"ActiveState": "active"},
        "x": {"y.Key": "first dot"},
        "x.y": {"Key": "longer"},
        "a.b": {"c.d": "shorter"},
        "a.b.c": {"d": "longest"},
    }
    values = {"SystemD": units}
    assert reading(values, path) == expected


@pytest.mark.parametrize("path", ["SystemD.docker.service.X", "SystemD.containerd.serviceX.Y"])
def test_what_no_subtype_with_dots_holds(path: str) -> None:
    with pytest.raises(NoReading, match="subtype not found"):
        reading({"SystemD": {"containerd.service": {"X": 1}, "": {"X": 1}}}, path)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "must be a map"),
        ({"kind": "Recipe"}, 'expected "Snapshot"'),
        ({"measurements": {"a": "b"}}, "measurements must be a list of maps"),
        ({"measurements": [{"type": 5}]}, "measurements[0].type must be text"),
        ({"measurements": [{"type": "OS", "subtypes": "x"}]}, "measurements[0].subtypes must be"),
        (
            {"measurements": [{"type": "OS", "subtypes": [{"data": []}, {"data": [1]}]}]},
            "data must",
        ),
    ],
)
def test_what_is_refused(document: Any, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        readings(document, "s.yaml")
    assert words in caught.value.message
