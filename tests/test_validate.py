"""Validation without a cluster (contract section 12)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from aicr.catalog import Catalog
from aicr.errors import CheckFailed
from aicr.validate import contradictions, offline_checks, phases_of, readiness, report, require
from tests.conftest import Ran, Write

Aicr = Callable[..., Ran]
SNAPSHOT = {
    "K8s": {"server": {"version": "v1.33.1-eks-1"}},
    "GPU": {"smi": {"gpu-count": 8}},
}
RECIPE: dict[str, Any] = {
    "componentRefs": [{"name": "a"}],
    "constraints": [{"name": "K8s.server.version", "value": ">= 1.32"}],
    "validation": {
        "deployment": {
            "constraints": [
                {"name": "GPU.smi.gpu-count", "value": ">= 8"},
                {"name": "Deployment.gpu-operator.version", "value": ">= v24.6.0"},
            ]
        }
    },
}


def test_readiness_stops_at_what_does_not_hold() -> None:
    constraint = {"name": "K8s.server.version", "value": ">= 1.34", "remediation": "upgrade"}
    with pytest.raises(CheckFailed) as caught:
        require(readiness({"constraints": [constraint]}, SNAPSHOT))
    assert caught.value.message == (
        "readiness check failed: K8s.server.version expected >= 1.34, got v1.33.1-eks-1 (upgrade)"
    )


def test_what_was_not_measured_is_said_and_not_judged() -> None:
    recipe = {"constraints": [{"name": "OS.release.ID", "value": "ubuntu"}]}
    (check,) = readiness(recipe, SNAPSHOT)
    assert (check.name, check.status) == ("OS.release.ID", "skipped")
    require([check])


@pytest.mark.parametrize(
    ("words", "phases"),
    [
        ([], ["deployment", "performance", "conformance"]),
        (["all"], ["deployment", "performance", "conformance"]),
        (["conformance", "deployment", "conformance"], ["conformance", "deployment"]),
    ],
)
def test_phases(words: list[str], phases: list[str]) -> None:
    assert phases_of(words) == phases


def test_measured_constraints_are_evaluated_and_the_rest_is_skipped(builtin: Catalog) -> None:
    found = list(
        offline_checks(builtin.validators, RECIPE, SNAPSHOT, ["deployment", "performance"])
    )
    assert [(c.name, c.status) for c in found] == [
        ("GPU.smi.gpu-count", "passed"),
        ("operator-health", "skipped"),
        ("expected-resources", "skipped"),
        ("gpu-operator-version", "skipped"),
        ("check-nvidia-smi", "skipped"),
        ("nccl-all-reduce-bw", "skipped"),
    ]


@pytest.mark.parametrize(
    ("name", "value", "status", "message"),
    [
        ("GPU.smi.gpu-count", "8", "passed", ""),
        ("GPU.smi.gpu-count", "> 8", "failed", "expected > 8, got 8 (add GPUs)"),
        (
            "GPU.smi.driver",
            ">= 570",
            "skipped",
            "[NOT_FOUND] value not found in snapshot: [NOT_FOUND] key not found in subtype",
        ),
        ("OS.release.ID", "ubuntu", "skipped", "[NOT_FOUND] value not found in snapshot: [NOT_FOUND] measurement type not found in snapshot"),
        ("Gpu.smi.gpu-count", "8", "failed", "[INVALID_REQUEST] invalid constraint path: [INVALID_REQUEST] invalid measurement type in constraint path (add GPUs)"),
        ("K8s.server.version", "> ?", "failed", "[INTERNAL] evaluation failed: [INVALID_REQUEST] cannot parse expected version: [INVALID_REQUEST] non-numeric component: \"?\": version component is not numeric (add GPUs)"),
    ],
)  # fmt: skip
def test_a_phase_constraint(name: str, value: str, status: str, message: str) -> None:
    constraint = {"name": name, "value": value, "remediation": "add GPUs"}
    recipe = {"validation": {"performance": {"constraints": [constraint]}}}
    (found,) = offline_checks([], recipe, SNAPSHOT, ["performance"])
    assert (found.name, found.phase, found.status) == (name, "performance", status)
    assert found.message == message


def test_constraints_of_later_phases_are_skipped_too() -> None:
    constraints = [{"name": "GPU.smi.gpu-count", "value": "9"}]
    phases = {
        "deployment": {"constraints": constraints},
        "conformance": {"constraints": constraints},
    }
    found = list(
        offline_checks([], {"validation": phases}, SNAPSHOT, ["deployment", "conformance"])
    )
    assert [c.status for c in found] == ["failed", "skipped"]
    assert found[1].message == "skipped due to previous phase failure"


def test_the_readiness_phase_counts_as_readiness() -> None:
    constraint = {"name": "K8s.server.version", "value": ">= 1.34"}
    with pytest.raises(CheckFailed):
        require(readiness({"validation": {"readiness": {"constraints": [constraint]}}}, SNAPSHOT))


@pytest.mark.parametrize(
    ("criteria", "words"),
    [
        ({"service": "gke", "os": "ubuntu"}, ["the recipe is for service=gke, the snapshot is of service=eks"]),
        ({"service": "eks"}, []),
        ({"service": "any"}, []),
        ({}, []),
        (None, []),
    ],
)  # fmt: skip
def test_a_recipe_for_something_else(criteria: Any, words: list[str]) -> None:
    assert contradictions({"criteria": criteria}, {"service": "eks"}) == words


def test_after_a_failed_phase_nothing_else_is_tried(builtin: Catalog) -> None:
    few = {"GPU": {"smi": {"gpu-count": 4}}}
    found = list(offline_checks(builtin.validators, RECIPE, few, ["deployment", "performance"]))
    assert found[0].status == "failed"
    assert found[-1].message == "skipped due to previous phase failure"


def test_the_report_counts(builtin: Catalog) -> None:
    found = offline_checks(builtin.validators, RECIPE, SNAPSHOT, ["deployment"])
    body = report(found, "v", "2026-01-01T00:00:00Z", 5)
    assert body["results"]["summary"] == {
        "tests": 5, "passed": 1, "failed": 0, "skipped": 4, "pending": 0, "other": 0, "start": 5, "stop": 5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("", 2, "--recipe is required"),
        ("-r {tmp}/r.json --phase nope", 2, 'invalid phase "nope"'),
        ("-r {tmp}/r.json --feature x", 2, "--feature requires --cncf-submission"),
        ("-r {tmp}/r.json --cncf-submission", 2, "--cncf-submission requires --evidence-dir"),
        ("-r {tmp}/r.json -s {tmp}/s.json --no-cluster --toleration x", 2, "invalid toleration"),
        (
            "-r {tmp}/r.json -s {tmp}/s.json --no-cluster --toleration k:NoSchedule",
            2,
            "has no effect",
        ),
        ("-r {tmp}/r.json -s {tmp}/s.json", 6, "not built yet; give --no-cluster"),
        ("-r {tmp}/r.json", 6, "not built yet; give --snapshot and --no-cluster"),
        ("-r {tmp}/r.json --no-cluster", 2, "--no-cluster needs --snapshot"),
        ("-r {tmp}/nope.json -s {tmp}/s.json --no-cluster", 3, "no such file"),
        ("-r {tmp}/bad.json -s {tmp}/s.json --no-cluster", 2, "constraints must be a list of maps"),
        (
            "-r {tmp}/r.json -s {tmp}/few.json --no-cluster",
            8,
            "GPU.smi.gpu-count: expected >= 8, got 4",
        ),
        ("-r {tmp}/r.json -s {tmp}/few.json --no-cluster --fail-on-error=false", 0, ""),
        ("-r {tmp}/r.json -s {tmp}/s.json --no-cluster", 0, ""),
    ],
)
def test_exit_codes(aicr: Aicr, write: Write, arguments: str, code: int, words: str) -> None:
    def measured(count: int) -> str:
        kinds = {"K8s": ("server", {"version": "v1.33.1"}), "GPU": ("smi", {"gpu-count": count})}
        return json.dumps({
            "measurements": [
                {"type": kind, "subtypes": [{"subtype": name, "data": data}]}
                for kind, (name, data) in kinds.items()
            ]
        })  # fmt: skip

    tmp = write({
        "r.json": json.dumps(RECIPE),
        "bad.json": json.dumps({**RECIPE, "constraints": ["x"]}),
        "s.json": measured(8),
        "few.json": measured(4),
    })  # fmt: skip
    ran = aicr("validate", *arguments.format(tmp=tmp).split())
    assert ran.code == code, ran.err
    assert words in ran.err
    if code in (0, 8):
        assert ran.json["reportFormat"] == "CTRF"


@pytest.fixture
def unready(write: Write) -> list[str]:
    """Arguments for a recipe for GKE, of which two constraints do not hold on a snapshot of EKS."""
    stated = [
        {"name": "K8s.server.version", "value": ">= 1.30"},
        {"name": "K8s.server.version", "value": ">= 1.34", "remediation": "upgrade"},
        {"name": "OS.release.ID", "value": "ubuntu"},
        {"name": "K8s.server.platform", "value": "linux/arm64", "remediation": "other nodes"},
    ]
    recipe = {"componentRefs": [], "criteria": {"service": "gke"}, "constraints": stated}
    server = {"subtype": "server", "data": {"version": "v1.33.1-eks-1", "platform": "linux/amd64"}}
    measured = {"measurements": [{"type": "K8s", "subtypes": [server]}]}
    tmp = write({"r.json": json.dumps(recipe), "s.json": json.dumps(measured)})
    return ["validate", "-r", f"{tmp}/r.json", "-s", f"{tmp}/s.json", "--no-cluster"]


def test_every_readiness_constraint_is_told(aicr: Aicr, unready: list[str]) -> None:
    ran = aicr(*unready)
    assert ran.code == 8
    assert ran.err.splitlines() == [
        "warning: the recipe is for service=gke, the snapshot is of service=eks",
        "info: readiness: K8s.server.version passed",
        "error: readiness: K8s.server.version failed: expected >= 1.34, got v1.33.1-eks-1 (upgrade)",
        "warning: readiness: OS.release.ID skipped: not measured in the snapshot, not checked",
        "error: readiness: K8s.server.platform failed: expected linux/arm64, got linux/amd64 (other nodes)",
        "[INTERNAL] readiness check failed: K8s.server.version expected >= 1.34, got v1.33.1-eks-1 (upgrade)",
    ]


def test_every_readiness_constraint_is_told_to_machines(aicr: Aicr, unready: list[str]) -> None:
    told = [json.loads(line) for line in aicr("--log-json", *unready).err.splitlines()]
    found = [
        (line["level"], line["constraint"], line["status"]) for line in told if "status" in line
    ]
    assert found == [
        ("INFO", "K8s.server.version", "passed"),
        ("ERROR", "K8s.server.version", "failed"),
        ("WARNING", "OS.release.ID", "skipped"),
        ("ERROR", "K8s.server.platform", "failed"),
    ]
