"""What each command prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aicr import outputs
from tests.conftest import Ran, Write

Aicr = Callable[..., Ran]
LEAF = "--service eks --accelerator h100 --intent training --os ubuntu --platform any".split()


class TestRecipe:
    def test_table(self, aicr: Aicr, snapshot: Any) -> None:
        assert aicr("recipe", *LEAF, "--format", "table").out == snapshot

    def test_criteria_from_a_file_with_flags_over_it(self, aicr: Aicr, write: Write) -> None:
        tmp = write({"c.yaml": "spec: {service: eks, gpu: H100, os: ubuntu, intent: training}\n"})
        ran = aicr("recipe", "-c", str(tmp / "c.yaml"), "--nodes", "4", "-t", "json")
        assert ran.json["criteria"] == {
            "service": "eks",
            "accelerator": "h100",
            "intent": "training",
            "os": "ubuntu",
            "platform": "any",
            "nodes": 4,
        }

    def test_criteria_from_a_snapshot(self, aicr: Aicr, write: Write) -> None:
        measured = {
            "measurements": [
                {"type": "K8s", "subtypes": [{"subtype": "server", "data": {"version": "v1.33.1-eks-1"}}]},
                {"type": "GPU", "subtypes": [{"subtype": "smi", "data": {"gpu.model": "NVIDIA H100"}}]},
            ]
        }  # fmt: skip
        tmp = write({"s.json": json.dumps(measured)})
        ran = aicr("recipe", "-s", str(tmp / "s.json"), "--intent", "training", "-t", "json")
        assert ran.json["metadata"]["appliedOverlays"][-1] == "h100-eks-training"

    def test_a_reading_that_a_flag_overrides_is_not_complained_about(
        self, aicr: Aicr, write: Write
    ) -> None:
        release = {"subtype": "release", "data": {"ID": "debian"}}
        measured = {"measurements": [{"type": "OS", "subtypes": [release]}]}
        given = ["-s", f"{write({'s.json': json.dumps(measured)})}/s.json", "--service", "kind"]
        assert "'debian' is no os this catalog knows" in aicr("recipe", *given).err
        assert "debian" not in aicr("recipe", *given, "--os", "ubuntu").err

    def test_what_is_left_out_is_said_once_per_constraint(self, aicr: Aicr, write: Write) -> None:
        release = {"subtype": "release", "data": {"ID": "ubuntu"}}
        measured = {"measurements": [{"type": "OS", "subtypes": [release]}]}
        snapshot = f"{write({'s.json': json.dumps(measured)})}/s.json"
        ran = aicr("recipe", "-s", snapshot, *LEAF, "-t", "json")
        warnings = [
            w
            for w in ran.json["metadata"]["constraintWarnings"]
            if w["constraint"] == "K8s.server.version"
        ]
        recorded = "[NOT_FOUND] value not found in snapshot: [NOT_FOUND] measurement type"
        assert all(recorded in w["reason"] for w in warnings)
        names = ", ".join(w["overlay"] for w in warnings)
        assert len(warnings) > 1
        plain = "K8s.server.version is not measured in the snapshot"
        assert f"warning: overlays left out: {names}: {plain}" in ran.err.splitlines()
        assert ran.err.count("K8s.server.version") == 1
        table = aicr("recipe", "-s", snapshot, *LEAF, "-t", "table").out.splitlines()
        told = [row.split(maxsplit=2)[2] for row in table if row.startswith("left out")]
        assert f"{names} ({plain})" in told

    def test_yaml_and_json_say_the_same(self, aicr: Aicr) -> None:
        from aicr import yamlio

        text = aicr("recipe", *LEAF).out
        assert yamlio.parse(text.encode(), "out").value == aicr("recipe", *LEAF, "-t", "json").json


@pytest.mark.parametrize(
    ("selector", "text", "as_json"),
    [
        ("components.gpu-operator.values.driver.version", "580.105.08\n", '"580.105.08"\n'),
        ("components.gpu-operator.values.driver.enabled", "true\n", "true\n"),
        ("criteria.nodes", "0\n", "0\n"),
        ("metadata.excludedOverlays", "[]\n", "null\n"),
        (
            "components.gpu-operator.dependencyRefs",
            "- cert-manager\n- kube-prometheus-stack\n- skyhook-customizations\n",
            '[\n  "cert-manager",\n  "kube-prometheus-stack",\n  "skyhook-customizations"\n]\n',
        ),
        (
            "components.gpu-operator.values.operator.resources",
            'limits:\n    cpu: 500m\n    memory: 700Mi\nrequests:\n    cpu: 200m\n    memory: 300Mi\n',
            None,
        ),
        ("constraints", None, '[\n  {\n    "name": "K8s.server.version",\n    "value": "\\u003e= 1.32.4"\n  }'),
    ],
)  # fmt: skip
def test_query(aicr: Aicr, selector: str, text: str | None, as_json: str | None) -> None:
    if text is not None:
        assert aicr("query", *LEAF, "--selector", selector).out == text
    if as_json is not None:
        assert aicr("query", *LEAF, "--selector", selector, "-t", "json").out.startswith(as_json)


class TestExplain:
    PATH = "components.kube-prometheus-stack.values.prometheus.prometheusSpec.storageSpec"

    def test_text(self, aicr: Aicr, snapshot: Any) -> None:
        assert aicr("explain", self.PATH, *LEAF).out == snapshot

    def test_json_fits_its_schema(self, aicr: Aicr) -> None:
        ran = aicr("explain", self.PATH, *LEAF, "--format", "json")
        document = outputs.ExplainOutput.model_validate(ran.json)
        assert document.values[0].path == f"{self.PATH}.emptyDir"
        assert [h.value for h in document.values[0].history] == [
            {"medium": "", "sizeLimit": "10Gi"},
            None,
        ]


class TestDiff:
    A, B = "service=eks,intent=training,os=any", "service=eks,intent=training,gpu=h100,os=any"

    def test_text(self, aicr: Aicr, snapshot: Any) -> None:
        ran = aicr("diff", self.A, self.B)
        assert ran.code == 1
        assert ran.out == snapshot

    def test_json_fits_its_schema(self, aicr: Aicr) -> None:
        ran = aicr("diff", self.A, self.B, "--format", "json")
        changes = outputs.DiffOutput.model_validate(ran.json).changes
        assert {c.change for c in changes} == {"add", "replace"}

    def test_a_saved_recipe_is_the_same_as_its_criteria(self, aicr: Aicr, tmp_path: Path) -> None:
        saved = str(tmp_path / "r.yaml")
        aicr("recipe", *LEAF, "-o", saved)
        criteria = "service=EKS,accelerator=h100,intent=training,os=ubuntu,platform=any"
        assert aicr("diff", saved, criteria) == (0, "", "")

    def test_catalogs(self, aicr: Aicr, write: Write) -> None:
        tmp = write({
            "d/registry.yaml": "",
            "d/components/gpu-operator/values.yaml": "driver: {version: '1.2.3'}\n",
        })  # fmt: skip
        (tmp / "d/registry.yaml").write_text("kind: ComponentRegistry\n")
        ran = aicr("diff", "builtin", str(tmp / "d"))
        path = "values.components/gpu-operator/values.yaml.driver.version"
        assert ran.code == 1
        assert f'~ {path}: "580.105.08" -> "1.2.3"\n' in ran.out

    def test_the_order_of_mixins_and_the_base_of_values_are_differences(
        self, aicr: Aicr, write: Write
    ) -> None:
        def catalog(name: str, mixins: str, base: str) -> str:
            root = f"{name}/overlays"
            tmp = write({
                f"{name}/registry.yaml": "kind: ComponentRegistry\n",
                f"{root}/m1.yaml": "kind: RecipeMixin\nmetadata: {name: m1}\nspec: {componentRefs: [{name: a, version: v1}]}\n",
                f"{root}/m2.yaml": "kind: RecipeMixin\nmetadata: {name: m2}\nspec: {componentRefs: [{name: a, version: v2}]}\n",
                f"{root}/x.yaml": f"metadata: {{name: x}}\nspec: {{criteria: {{}}, mixins: [{mixins}]}}\n",
                f"{name}/components/a/values-1.yaml": f"$base: components/a/{base}.yaml\n",
                f"{name}/components/a/b1.yaml": "a: 1\n",
                f"{name}/components/a/b2.yaml": "a: 2\n",
            })  # fmt: skip
            return str(tmp / name)

        a, b, c = (
            catalog("a", "m1, m2", "b1"),
            catalog("b", "m2, m1", "b1"),
            catalog("c", "m1, m2", "b2"),
        )
        assert aicr("diff", a, a) == (0, "", "")
        assert "overlays.x.layers" in aicr("diff", a, b).out
        assert "values-1.yaml.$base" in aicr("diff", a, c).out

    def test_warnings_are_said_with_the_side_they_belong_to(self, aicr: Aicr) -> None:
        ran = aicr("diff", "service=eks,os=rhel", "service=eks")
        assert "warning: service=eks,os=rhel: os=rhel has no effect" in ran.err

    def test_what_is_no_recipe(self, aicr: Aicr, write: Write) -> None:
        tmp = write({"x.yaml": "a: 1\n"})
        ran = aicr("diff", str(tmp / "x.yaml"), self.A)
        assert (ran.code, "it has no componentRefs" in ran.err) == (2, True)


class TestLint:
    FILES = {"d/registry.yaml": "kind: ComponentRegistry\n", "d/x.yaml": "metadata: {name: x}\nspec: {base: nope}\n"}  # fmt: skip

    def test_clean(self, aicr: Aicr) -> None:
        assert aicr("lint") == (0, "0 errors, 0 warnings\n", "")

    def test_text(self, aicr: Aicr, write: Write) -> None:
        directory = str(write(self.FILES) / "d")
        ran = aicr("lint", "--data", directory)
        text = f'{directory}/x.yaml:2:14: error: overlay "nope" not found (referenced in inheritance chain) [unknown-base]\n'
        assert ran == (2, text + "1 errors, 0 warnings\n", "")

    def test_github(self, aicr: Aicr, write: Write) -> None:
        directory = str(write(self.FILES) / "d")
        out = aicr("lint", "--data", directory, "--format", "github").out
        where = f"file={directory}/x.yaml,line=2,col=14,title=unknown-base"
        assert out.startswith(f"::error {where}::overlay ")

    def test_json_fits_its_schema(self, aicr: Aicr, write: Write) -> None:
        ran = aicr("lint", "--data", str(write(self.FILES) / "d"), "--format", "json")
        assert outputs.LintOutput.model_validate(ran.json).findings[0].rule == "unknown-base"

    def test_strict_fails_on_warnings(self, aicr: Aicr, write: Write) -> None:
        tmp = write({"d/registry.yaml": "components: [{name: a}]\n"})
        assert aicr("lint", "--data", str(tmp / "d")).code == 0
        assert aicr("lint", "--data", str(tmp / "d"), "--strict").code == 2


@pytest.mark.parametrize(
    "kind",
    ["services", "accelerators", "intents", "os", "platforms", "components", "overlays", "recipes"],
)
def test_list(aicr: Aicr, snapshot: Any, kind: str) -> None:
    assert aicr("list", kind).out == snapshot
    listed = outputs.ListOutput.model_validate(aicr("list", kind, "--format", "json").json)
    assert len(listed.items) == len(aicr("list", kind).out.splitlines()) - 1


def test_schema(aicr: Aicr) -> None:
    assert set(outputs.KINDS) < set(aicr("schema").out.split())
    assert json.loads(aicr("schema", "RecipeCriteria").out)["title"] == "RecipeCriteria"


class TestCompletion:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_scripts_call_the_program(self, aicr: Aicr, shell: str) -> None:
        assert "_AICR_COMPLETE" in aicr("completion", shell).out

    @pytest.mark.parametrize(
        ("line", "completions"),
        [
            ("recipe --output ./r", ["file,./r"]),
            ("recipe --snapshot ", ["file,"]),
            ("recipe --data d", ["dir,d"]),
            ("bundle --recipe r", ["file,r"]),
            ("bundle -o ", ["file,"]),
            ("bundle --values v", ["file,v"]),
            ("bundle --sign k", ["file,k"]),
            ("bundle --deployer arg", ["plain,argocd"]),
            ("verify bun", ["file,bun"]),
            ("verify --min-trust-level unv", ["plain,unverified"]),
            ("verify --format j", ["plain,json"]),
            ("validate --phase perf", ["plain,performance"]),
            ("validate -r x", ["file,x"]),
            ("snapshot --template t", ["file,t"]),
            ("diff buil", ["file,buil"]),
            ("explain comp", []),
            ("query --selector comp", []),
            ("bogus x", []),
        ],
    )
    def test_the_protocol(self, line: str, completions: list[str]) -> None:
        words = f"aicr {line}"
        asked = {
            "_AICR_COMPLETE": "bash_complete",
            "COMP_WORDS": "\n".join(words.split(" ")),
            "COMP_CWORD": str(words.count(" ")),
        }
        done = subprocess.run(
            [sys.executable, "-m", "aicr"],
            env={**os.environ, **asked}, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.split() == completions
        assert done.stderr == ""

    @pytest.mark.parametrize(
        ("words", "word", "completions"),
        [
            ("recipe --accelerator", "", ["h100", "gb200", "b200", "a100", "l40", "any"]),
            ("recipe --gpu", "g", ["gb200"]),
            ("query --service", "E", ["eks"]),
            ("recipe --format", "j", ["json"]),
            ("list", "acc", ["accelerators"]),
            ("", "expl", ["explain"]),
        ],
    )
    def test_values(self, words: str, word: str, completions: list[str]) -> None:
        from click.shell_completion import BashComplete

        from aicr.cli.main import aicr as group

        complete = BashComplete(group, {}, "aicr", "_AICR_COMPLETE")
        assert [c.value for c in complete.get_completions(words.split(), word)] == completions
