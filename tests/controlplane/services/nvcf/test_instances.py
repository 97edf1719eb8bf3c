"""What is said of the instances of a deployment."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.kinds import Observation
from controlplane.services.nvcf import instances

GPU = {"gpu": "H100", "instanceType": "t", "minInstances": 1, "maxInstances": 1}
SPEC = {"function": "f", "deploymentSpecifications": [GPU]}


def status(created: str) -> dict[str, Any]:
    known = {"id": "u/0.0/d", "name": "0.0", "state": "STARTING"}
    placed = {"clusterId": "c", "gpuSpecificationId": "s", "instances": 1}
    return {
        "status": "DEPLOYING",
        "gpuSpecificationIds": ["s"],
        "placements": [placed],
        "instances": [{**known, "createdAt": created, "updatedAt": created}],
    }


@pytest.mark.parametrize(
    ("created", "reason", "said"),
    [
        ("2026-01-01T00:00:51Z", "/nope answers 404, not 200", False),
        ("2026-01-01T00:00:50Z", "/nope answers 404, not 200", True),
        ("2026-01-01T00:00:00Z", "", False),
    ],
)
def test_what_starts_for_long_says_what_it_waits_for(created: str, reason: str, said: bool) -> None:
    one = {"id": "u/0.0/d", "name": "0.0", "state": "starting", "reason": reason}
    seen = Observation(SPEC, status(created), (one,), "2026-01-01T00:01:00Z")
    found = instances.observed(seen)
    assert found["status"] == "DEPLOYING"
    health = {"gpu": "H100", "instanceType": "t", "error": reason}
    assert found.get("healthInfo") == ([health] if said else None)
