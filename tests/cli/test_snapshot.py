"""`aicr snapshot`: its checks, its outputs, and what reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from aicr import models, yamlio
from tests.conftest import Program, Ran, Write

Aicr = Callable[..., Ran]
NODE = {
    "metadata": {"name": "node-a", "labels": {"arch": "amd64"}},
    "spec": {"taints": [{"key": "gpu", "effect": "NoSchedule"}], "providerID": "aws:///i-1"},
    "status": {"nodeInfo": {"containerRuntimeVersion": "containerd://2.0", "kubeletVersion": "v1"}},
}
VERSION = {"serverVersion": {"gitVersion": "v1.33.5-eks-1", "platform": "linux/amd64"}}
POD = {"spec": {"containers": [{"image": "nvcr.io/nvidia/gpu-operator:v25.3.0"}]}}
KUBECTL = f"""
echo "$@" >> "$(dirname "$0")/asked"
case "$*" in
  *version*) echo '{json.dumps(VERSION)}' ;;
  *"get pods"*) echo '{json.dumps({"items": [POD]})}' ;;
  *"get nodes"*) echo '{json.dumps({"items": [NODE]})}' ;;
  *"get node node-a"*) echo '{json.dumps(NODE)}' ;;
  *clusterpolicies*) echo "error: the server doesn't have a resource type" >&2; exit 1 ;;
  *apply*) cat > "$(dirname "$0")/applied" ;;
  *) echo "unexpected: $*" >&2; exit 1 ;;
esac"""
SMI = """echo '<nvidia_smi_log><driver_version>580</driver_version>
<gpu><product_name>NVIDIA H100 80GB HBM3</product_name></gpu></nvidia_smi_log>'"""
UNIT = "printf 'Id=containerd.service\\nLoadState=loaded\\nActiveState=active\\n'"


@pytest.fixture
def cluster(program: Program, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node of a cluster; the directory where its kubectl keeps its records."""
    program("nvidia-smi", SMI)
    program("systemctl", UNIT)
    monkeypatch.setenv("NODE_NAME", "node-a")
    monkeypatch.setenv("AICR_AGENT_MODE", "true")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    return program("kubectl", KUBECTL).parent


@pytest.fixture
def alone(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without GPUs, systemd and cluster."""
    monkeypatch.delenv("AICR_AGENT_MODE", raising=False)
    for name in ("kubectl", "systemctl"):
        program(name, "echo refused >&2; exit 1")


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ("--format xml", 2, 'unknown output format: "xml"'),
        ("--template {tmp}/nope.j2", 3, "template file not found"),
        ("--template {tmp}", 2, "template path is a directory, not a file"),
        ("--template {tmp}/t.j2 --format json", 2, "--template requires YAML format"),
        ("--template {tmp}/latin1.j2", 2, "is not UTF-8"),
        ("--template {tmp}/t.j2 -o cm://a/b", 2, "not to a ConfigMap"),
        ("-o cm://a", 2, "invalid configmap URI format"),
        ("--require-gpu --runtime-class nvidia", 2, "mutually exclusive"),
        ("--toleration x", 2, "invalid toleration"),
        ("--node-selector x", 2, "invalid node-selector"),
        ("--max-nodes-per-entry -1", 2, "--max-nodes-per-entry must be >= 0"),
        ("--image a --image b", 2, "--image can only be specified once"),
        ("--timeout 5", 1, 'invalid duration "5"'),
        ("--timeout 1h30m --privileged=false --no-cleanup", 8, "AICR_AGENT_MODE=true"),
        ("", 8, "no cluster can be reached: kubectl version failed: refused"),
    ],
)
def test_what_is_refused(aicr: Aicr, write: Write, arguments: str, code: int, words: str) -> None:
    tmp = write({"t.j2": "x", "latin1.j2": b"\xe4"})
    ran = aicr("snapshot", *arguments.format(tmp=tmp).split())
    assert (ran.code, ran.out) == (code, "")
    assert words in ran.err


def test_flags_from_the_environment(aicr: Aicr, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AICR_REQUIRE_GPU", "true")
    monkeypatch.setenv("AICR_RUNTIME_CLASS", "nvidia")
    ran = aicr("snapshot", "--local")
    assert (ran.code, ran.out) == (2, "")
    assert "mutually exclusive" in ran.err


def test_a_reachable_cluster_is_no_reason_to_pretend(
    aicr: Aicr, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AICR_AGENT_MODE")
    ran = aicr("snapshot")
    assert ran.code == 8
    assert "starting a Job in the cluster is not built yet; AICR_AGENT_MODE=true" in ran.err


def test_everything_is_measured(aicr: Aicr, cluster: Path) -> None:
    ran = aicr("snapshot", "--format", "json", "--kubeconfig", "/kc")
    assert ran.code == 0, ran.err
    models.Snapshot.model_validate(ran.json)
    assert ran.json["metadata"]["timestamp"] == "2026-01-01T00:00:00Z"
    assert ran.json["metadata"]["source-node"] == "node-a"
    types = [m["type"] for m in ran.json["measurements"]]
    assert types == ["NodeTopology", "K8s", "SystemD", "GPU", "OS"]
    topology, kubernetes, systemd, gpu, _ = (
        {s["subtype"]: s["data"] for s in m["subtypes"]} for m in ran.json["measurements"]
    )
    assert topology == {
        "summary": {"node-count": 1, "taint-count": 1, "label-count": 1},
        "taint": {"gpu": "NoSchedule||node-a"},
        "label": {"arch": "amd64|node-a"},
    }
    assert kubernetes["server"] == {"version": "v1.33.5-eks-1", "platform": "linux/amd64"}
    assert kubernetes["image"] == {"gpu-operator": "v25.3.0"}
    assert kubernetes["policy"] == {}
    assert kubernetes["node"]["provider"] == "eks"
    assert systemd["containerd.service"]["ActiveState"] == "active"
    assert gpu == {"smi": {"gpu-count": 1, "driver": "580", "gpu.model": "NVIDIA H100 80GB HBM3"}}
    asked = (cluster / "asked").read_text().splitlines()
    assert all(line.startswith("--kubeconfig /kc ") for line in asked)


def test_a_machine_alone_has_empty_measurements_and_warnings(aicr: Aicr, alone: None) -> None:
    ran = aicr("snapshot", "--local", "-t", "json", "--image", "x")
    assert ran.code == 0
    subtypes = {m["type"]: m["subtypes"] for m in ran.json["measurements"]}
    assert subtypes["K8s"] == subtypes["NodeTopology"] == subtypes["SystemD"] == []
    for words in (
        "warning: --image has no effect: no Job is started",
        "warning: NodeTopology: kubectl get failed: refused",
        "warning: K8s: kubectl version failed: refused",
        "warning: SystemD: systemctl failed: refused",
    ):
        assert words in ran.err


def test_recipe_and_validate_read_it(aicr: Aicr, cluster: Path, tmp_path: Path) -> None:
    taken, recipe = str(tmp_path / "s.yaml"), str(tmp_path / "r.yaml")
    assert aicr("snapshot", "-o", taken).code == 0
    ran = aicr("recipe", "-s", taken, "--os", "any", "--intent", "training", "-t", "json")
    assert ran.json["criteria"]["service"] == "eks"
    assert ran.json["criteria"]["accelerator"] == "h100"
    phase = {"constraints": [{"name": "SystemD.containerd.service.ActiveState", "value": "active"}]}
    document = {"kind": "RecipeResult", "validation": {"deployment": phase}}
    Path(recipe).write_text(yamlio.dump(document))
    ran = aicr("validate", "-r", recipe, "-s", taken, "--no-cluster", "--phase", "deployment")
    assert ran.code == 0, ran.err
    assert ran.json["results"]["tests"][0]["status"] == "passed"


def test_the_name_says_the_format(aicr: Aicr, cluster: Path, tmp_path: Path) -> None:
    assert "name it" not in aicr("snapshot", "-o", f"{tmp_path}/s.json").err
    assert json.loads((tmp_path / "s.json").read_text())["kind"] == "Snapshot"
    assert "name it .yaml" in aicr("snapshot", "-o", f"{tmp_path}/s").err


def test_table(aicr: Aicr, cluster: Path) -> None:
    lines = [line.split() for line in aicr("snapshot", "-t", "table").out.splitlines()]
    assert lines[0] == ["TYPE", "SUBTYPE", "KEY", "VALUE"]
    assert ["GPU", "smi", "gpu-count", "1"] in lines


@pytest.mark.parametrize(("output_format", "suffix"), [("yaml", "yaml"), ("table", "txt")])
def test_a_configmap(aicr: Aicr, cluster: Path, output_format: str, suffix: str) -> None:
    ran = aicr("snapshot", "-o", "cm://gpu-operator/taken", "-t", output_format)
    assert (ran.code, ran.out) == (0, "")
    applied = json.loads((cluster / "applied").read_text())
    assert applied["metadata"]["name"] == "taken"
    assert applied["metadata"]["labels"]["app.kubernetes.io/component"] == "snapshot"
    assert applied["data"]["format"] == suffix
    assert applied["data"]["timestamp"] == "2026-01-01T00:00:00Z"
    assert "node-a" in applied["data"][f"snapshot.{suffix}"]


class TestTemplates:
    TEXT = (
        "{{ Kind }} {{ ApiVersion }} {{ Metadata['source-node'] }}\n"
        "{% for m in Measurements %}{{ m.type }} {% endfor %}\n"
        "{{ Readings.GPU.smi['gpu.model'] }}\n"
    )

    def test_names(self, aicr: Aicr, cluster: Path, write: Write, tmp_path: Path) -> None:
        tmp = write({"t.j2": self.TEXT})
        assert aicr("snapshot", "--template", f"{tmp}/t.j2", "-o", f"{tmp}/out").code == 0
        assert (tmp_path / "out").read_text() == (
            "Snapshot aicr.nvidia.com/v1alpha1 node-a\n"
            "NodeTopology K8s SystemD GPU OS \n"
            "NVIDIA H100 80GB HBM3\n"
        )

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a\n{{ Nope }}", "t.j2:2: 'Nope' is undefined"),
            ("{% if %}", "t.j2:1: "),
            ("{{ Metadata.__class__ }}", "t.j2:1: "),
            ("{% include '/etc/passwd' %}", "t.j2:1: "),
        ],
    )
    def test_mistakes(self, aicr: Aicr, cluster: Path, write: Write, text: str, words: str) -> None:
        ran = aicr("snapshot", "--template", f"{write({'t.j2': text})}/t.j2")
        assert (ran.code, ran.out) == (2, "")
        assert words in ran.err
