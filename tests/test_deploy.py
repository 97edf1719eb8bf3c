"""deploy/: what is applied to a cluster passes Kubernetes' own schemas, and is as locked as said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from controlplane.home import Home
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
    mounted = {m["mountPath"]: m for m in container["volumeMounts"]}
    home = next(e["value"] for e in container["env"] if e["name"] == "AICR_HOME")
    assert not mounted[home].get("readOnly"), "the server makes its credential there"
    assert mounted[f"{home}/keys"]["readOnly"], "all replicas have the ring of the secret"
    assert any(e["name"] == "AICR_STATE" for e in container["env"]), "replicas share one state"
    assert {
        probe: container[probe]["httpGet"]["path"] for probe in ("livenessProbe", "readinessProbe")
    } == {
        "livenessProbe": "/health",
        "readinessProbe": "/ready",
    }


@pytest.mark.parametrize("name", ["aicr.service", "Containerfile"])
def test_there_is_a_home_to_write_to(name: str) -> None:
    """The unit has no home directory, and the image's user none either."""
    assert "AICR_HOME=/var/lib/aicr" in (ROOT / "deploy" / name).read_text()


def test_a_ring_that_cannot_be_written_serves(tmp_path: Path) -> None:
    """As mounted from a Secret: there, readable, and nobody's to change."""
    home = Home(str(tmp_path))
    home.vault()
    (tmp_path / "keys").chmod(0o500)
    (tmp_path / "keys/ring.json").chmod(0o440)
    assert Home(str(tmp_path)).vault()
    assert Home(str(tmp_path)).token()
    (tmp_path / "keys").chmod(0o700)
