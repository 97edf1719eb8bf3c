"""deploy/: what is applied to a cluster passes Kubernetes' own schemas, and is as locked as said."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT

OBJECTS: list[Any] = list(
    YAML(typ="safe", pure=True).load_all((ROOT / "deploy/kubernetes.yaml").read_text())
)


@pytest.mark.parametrize("document", OBJECTS, ids=lambda d: d["kind"])
def test_objects_are_valid(document: Any) -> None:
    kubernetes_validate.validate(document, "1.33", strict=True)


def test_the_server_runs_as_nobody_on_a_read_only_file_system() -> None:
    (deployment,) = (d for d in OBJECTS if d["kind"] == "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {
        probe: container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")
    } == {
        "livenessProbe": "/health",
        "readinessProbe": "/ready",
    }
