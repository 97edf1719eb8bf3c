"""Bundles: contents of every family, and what must never happen."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aicr import catalog as catalogs
from aicr import jsonio, yamlio
from aicr.bundle import checksums, provenance
from aicr.bundle.archive import tar_bytes, zip_bytes
from aicr.bundle.assemble import assemble
from aicr.bundle.compile import compile_bundle
from aicr.bundle.deployers import DEPLOYERS
from aicr.bundle.files import BundleFile, text
from aicr.bundle.options import Options, selector, tolerations
from aicr.bundle.settings import parse_all
from aicr.bundle.verify import verify
from aicr.bundle.write import write
from aicr.catalog import Catalog
from aicr.errors import InvalidRequest
from aicr.resolve import resolve
from tests.conftest import ROOT, Ran, families
from tests.test_resolve import NAMES

External = Callable[[dict[str, str]], str]
ONE_PER_FAMILY = ["monitoring-hpa", "h100-eks-ubuntu-training-kubeflow", "gb200-eks-training",
                  "h100-gke-cos-training", "h100-aks-ubuntu-inference-dynamo", "kind-inference"]  # fmt: skip


def bundle(catalog: Catalog, recipe: Any, **options: Any) -> list[BundleFile]:
    settings = parse_all(options.pop("set", []))
    return assemble(catalog, recipe, Options(settings=tuple(settings), **options)).files


def of_family(catalog: Catalog, name: str, **options: Any) -> dict[str, BundleFile]:
    recipe = resolve(catalog, families(catalog)[name]).document("<version>")
    return {f.path: f for f in bundle(catalog, recipe, **options)}


def values(files: dict[str, BundleFile], component: str) -> Any:
    return yamlio.parse(files[f"{component}/values.yaml"].data, component).value


@pytest.mark.parametrize("deployer", DEPLOYERS)
@pytest.mark.parametrize("name", ONE_PER_FAMILY)
def test_one_bundle_per_family(builtin: Catalog, snapshot: Any, name: str, deployer: str) -> None:
    files = of_family(builtin, name, deployer=deployer)
    shown = {
        p: f.data.decode()
        for p, f in sorted(files.items())
        if not p.endswith(("checksums.txt", provenance.NAME))
    }
    assert yamlio.dump(shown) == snapshot


@pytest.mark.parametrize("deployer", DEPLOYERS)
@pytest.mark.parametrize("name", NAMES)
def test_every_bundle_parses_and_lists_every_file(
    builtin: Catalog, name: str, deployer: str
) -> None:
    from ruamel.yaml import YAML

    files = of_family(builtin, name, deployer=deployer)
    for path, file in files.items():
        if path.endswith(".yaml"):
            documents = list(YAML(typ="safe", pure=True).load_all(file.data.decode()))
            if "/manifests/" in path:
                assert all({"apiVersion", "kind", "metadata"} <= set(d) for d in documents), path
    listed = {line.split("  ")[1] for line in files["checksums.txt"].data.decode().splitlines()}
    assert listed == set(files) - {"checksums.txt"}


def test_scripts_are_bash_and_clean(builtin: Catalog, tmp_path: Path) -> None:
    """Every distinct script of every recipe; shellcheck is the dev extra's, beside this Python."""
    found: dict[bytes, str] = {}
    for name in NAMES:
        for path, file in of_family(builtin, name).items():
            if path.endswith(".sh"):
                found.setdefault(file.data, f"{name}-{path.replace('/', '-')}")
    assert len(found) > 70
    for data, name in found.items():
        (tmp_path / name).write_bytes(data)
    scripts = sorted(map(str, tmp_path.iterdir()))
    for script in scripts:
        subprocess.run(["bash", "-n", script], check=True)
    checker = shutil.which("shellcheck", path=os.path.dirname(sys.executable))
    checked = subprocess.run(
        [checker or "shellcheck", *scripts], check=False, capture_output=True, text=True
    )
    assert (checked.returncode, checked.stdout) == (0, "")


class TestSettings:
    NAME = "h100-eks-ubuntu-training-kubeflow"

    def test_settings_win_over_everything_below(self, builtin: Catalog) -> None:
        said = [
            "gpuoperator:driver.version=570.1.2",
            "gpu-operator:x=1",
            "trainer:manager.replicas=2",
        ]
        files = of_family(builtin, self.NAME, set=said[:1] + said[2:])
        assert values(files, "gpu-operator")["driver"]["version"] == "570.1.2"
        assert values(files, "kubeflow-trainer")["manager"]["replicas"] == 2

    def test_settings_stay_out_of_the_recipe(self, builtin: Catalog) -> None:
        path = "prometheus.prometheusSpec.storageSpec.volumeClaimTemplate.spec.storageClassName"
        plain = of_family(builtin, self.NAME)
        changed = of_family(builtin, self.NAME, set=[f"prometheus:{path}=fast"])
        assert changed["recipe.yaml"] == plain["recipe.yaml"]
        assert (
            changed["kube-prometheus-stack/values.yaml"]
            != plain["kube-prometheus-stack/values.yaml"]
        )

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ("gpuoperater:a=1", "no component 'gpuoperater' (did you mean 'gpuoperator'"),
            ("network-operator:a=1", "the recipe has no component 'network-operator'"),
            ("gpuoperator:fullnameOverride.x=1", "fullnameOverride of gpu-operator is no map"),
            ("gpuoperator:enabled=maybe", "'maybe' is neither true nor false"),
        ],
    )
    def test_a_setting_that_hits_nothing_is_an_error(
        self, builtin: Catalog, setting: str, words: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            of_family(builtin, self.NAME, set=[setting])
        assert words in caught.value.message

    def test_disabling(self, builtin: Catalog) -> None:
        files = of_family(builtin, self.NAME, set=["gpuoperator:enabled=false"])
        assert not any(path.startswith("gpu-operator/") for path in files)
        recipe = yamlio.parse(files["recipe.yaml"].data, "r").value
        assert "gpu-operator" not in recipe["deploymentOrder"]
        with pytest.raises(InvalidRequest, match="component gpu-operator is disabled"):
            of_family(builtin, self.NAME, set=["gpuoperator:enabled=false", "gpuoperator:a=1"])

    def test_bundlers_are_the_only_components_kept(self, builtin: Catalog) -> None:
        files = of_family(builtin, self.NAME, bundlers=("gpuoperator", "cert-manager"))
        recipe = yamlio.parse(files["recipe.yaml"].data, "r").value
        assert {r["name"] for r in recipe["componentRefs"]} == {"gpu-operator", "cert-manager"}
        assert set(recipe["deploymentOrder"]) == {"gpu-operator", "cert-manager"}
        assert {p.split("/")[0] for p in files if "/" in p} == {"gpu-operator", "cert-manager"}

    @pytest.mark.parametrize(
        ("bundlers", "setting", "words"),
        [
            ("gpuoperater", "a", "--bundlers 'gpuoperater' has no effect"),
            ("", "a", "--bundlers '' has no effect"),
            ("cert-manager", "gpuoperator:a=1", "gpu-operator is not among --bundlers"),
            (
                "gpu-operator",
                "gpuoperator:enabled=false",
                "--bundlers 'gpu-operator' has no effect",
            ),
        ],
    )
    def test_bundlers_that_hit_nothing(
        self, builtin: Catalog, bundlers: str, setting: str, words: str
    ) -> None:
        said = [setting] if ":" in setting else []
        with pytest.raises(InvalidRequest) as caught:
            of_family(builtin, self.NAME, bundlers=(bundlers,), set=said)
        assert words in caught.value.message

    def test_enabled_is_for_us_and_never_reaches_the_chart(self, builtin: Catalog) -> None:
        ref = {"name": "cert-manager", "overrides": {"enabled": True, "a": 1}}
        files = {f.path: f for f in bundle(builtin, {"componentRefs": [ref]})}
        assert "enabled" not in values(files, "cert-manager")


def test_scheduling_goes_to_the_paths_of_the_registry(builtin: Catalog) -> None:
    files = of_family(
        builtin,
        "h100-eks-ubuntu-training-kubeflow",
        system_selector=selector(["pool=system"], "-"),
        accelerated_selector=selector(["pool=gpu"], "-"),
        accelerated_tolerations=tolerations(["gpu=yes:NoSchedule"], "-"),
        workload_selector=selector(["app=train"], "-"),
        workload_gate="gate=on:NoSchedule",
        nodes=16,
    )
    operator = values(files, "gpu-operator")
    assert operator["operator"]["nodeSelector"] == {"pool": "system"}
    assert operator["operator"]["tolerations"] == [{"operator": "Exists"}]
    assert operator["daemonsets"]["nodeSelector"] == {"pool": "gpu"}
    assert operator["daemonsets"]["tolerations"][0]["key"] == "gpu"
    skyhook = values(files, "skyhook-operator")
    assert skyhook["estimatedNodeCount"] == 16
    env = skyhook["controllerManager"]["manager"]["env"]
    assert env["runtimeRequiredTaint"] == "gate=on:NoSchedule"
    tuning = files["skyhook-customizations/manifests/tuning.yaml"].data.decode()
    assert "podNonInterruptLabels:\n    matchLabels:\n      app: train\n" in tuning
    assert "nodeSelectors:\n    matchLabels:\n      pool: gpu\n" in tuning


def test_a_minimal_recipe_gets_the_registrys_defaults(builtin: Catalog) -> None:
    """The seed's body: name, version and a lower-case type must deploy something."""
    ref = {"name": "gpu-operator", "version": "v25.3.3", "type": "helm"}
    files = {f.path: f for f in bundle(builtin, {"kind": "Recipe", "componentRefs": [ref]})}
    script = files["deploy.sh"].data.decode()
    assert (
        "helm upgrade --install gpu-operator gpu-operator --repo https://helm.ngc.nvidia.com/nvidia "
        "--version v25.3.3 -n gpu-operator --create-namespace" in script
    )
    recipe = yamlio.parse(files["recipe.yaml"].data, "r").value
    assert recipe == {"kind": "Recipe", "componentRefs": [ref]}


HOSTILE_NAMES = [
    "", ".", "..", "../evil", "/etc", "a/b", "a\\b", "a b", "a;b", "$(id)", "`id`", "-rf", "A", "é",
    "a\nb", "a\0b", "a\tb", "..a", "a/..", "./a", "a:b", "C:\\a", "%2e%2e", "a=b", "{{ a }}", "a&&b", "<a>", "a#b", "a..b", "x" * 200, ".hidden", "a.", "a|b", "a'b", 'a"b', "~root", "con\r", "*",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_hostile_component_names_are_refused(builtin: Catalog, name: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid component name"):
        bundle(builtin, {"componentRefs": [{"name": name}]})


@pytest.mark.parametrize(
    "ref",
    [
        {"namespace": "a;rm -rf /"},
        {"namespace": "UPPER"},
        {"version": "--post-renderer=/bin/sh"},
        {"source": "-x"},
        {"chart": "a\nb"},
        {"tag": "v1\x00"},
        {"manifestFiles": ["/etc/passwd"]},
        {"manifestFiles": ["../../etc/passwd"]},
        {"manifestFiles": ["components/nope.yaml"]},
    ],
)
def test_hostile_fields_are_refused(builtin: Catalog, ref: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        bundle(builtin, {"componentRefs": [{"name": "a", **ref}]})


@pytest.mark.parametrize("deployer", DEPLOYERS)
def test_what_reaches_a_shell_is_quoted(builtin: Catalog, deployer: str, tmp_path: Path) -> None:
    source = "https://x.test/$(touch pwned)'\";touch pwned;`touch pwned`"
    ref = {
        "name": "a",
        "source": source,
        "version": "1.0 && touch pwned",
        "chart": "c|d",
        "namespace": "n",
    }
    write(bundle(builtin, {"componentRefs": [ref]}, deployer=deployer), str(tmp_path / "b"))
    stub = tmp_path / "bin"
    stub.mkdir()
    for name in ("helm", "kubectl", "jq"):
        (stub / name).write_text('#!/bin/sh\nprintf "%s\\n" "$@" >> "$LOG"\n')
        (stub / name).chmod(0o755)
    log = tmp_path / "log"
    env = {"PATH": f"{stub}:/usr/bin:/bin", "LOG": str(log)}
    for script in sorted((tmp_path / "b").rglob("*install.sh")) + sorted(
        (tmp_path / "b").glob("*.sh")
    ):
        subprocess.run(
            ["bash", str(script)], env=env, cwd=tmp_path, check=True, capture_output=True
        )
    assert not list(tmp_path.rglob("pwned"))
    if deployer == "helm":
        assert source in log.read_text()


ESCAPES = [
    "{{ ''.__class__.__mro__ }}", "{{ values.__class__ }}", "{{ ().__class__.__base__ }}",
    "{{ self._TemplateReference__context }}", "{{ cycler.__init__.__globals__ }}", "{{ lipsum }}",
    "{% set x = values.update({'a': 1}) %}", "{{ values.pop('a') }}", "{{ request }}", "{{ config }}",
    "{% include '/etc/passwd' %}", "{% extends 'x' %}", "{% import 'os' as os %}", "{{ undefined_name }}",
    "{{ values.nothing }}", "{{ values | attr('__class__') }}", "{{ values | tojson }}", "{{ 1 / 0 }}",
    "{{ 'a' | map }}", "{{ range(9) }}", "{{ namespace() }}", "{% if %}", "{{", "{% endfor %}", "{{ values() }}",
    "{{ '%s' | format(values) }}", "{{ ''.format_map }}", "{{ '{0.__class__}'.format(values) }}",
    "{{ joiner() }}", "{{ dict() }}", "{{ loop.parent }}", "{{ (1).__add__(1) }}", "{{ values['__class__'].x }}",
    "{{ values.items.__func__ }}", "{{ caller() }}",
]  # fmt: skip


@pytest.mark.parametrize("template", ESCAPES)
def test_templates_cannot_leave_the_sandbox(external: External, template: str) -> None:
    catalog = catalogs.load(external({"components/a/manifests/m.yaml": f"a: 1\nb: {template}\n"}))
    ref = {"name": "a", "overrides": {"a": 1}, "manifestFiles": ["components/a/manifests/m.yaml"]}
    with pytest.raises(InvalidRequest, match=r"components/a/manifests/m\.yaml:[0-9]+: ") as caught:
        bundle(catalog, {"componentRefs": [ref]})
    assert "root:" not in caught.value.message


class TestWriting:
    FILES = (text("a/b.txt", "x"), text("run.sh", "#!/bin/sh\n"))

    NAMES = ("checksums.txt", "provenance.json", "run.sh")
    MADE = text(provenance.NAME, provenance.BUILD_TYPE)  # what makes it ours

    def complete(self, *more: BundleFile) -> list[BundleFile]:
        files = [*self.FILES, self.MADE, *more]
        return [*files, checksums.of(files)]

    def test_archives_are_the_same_bytes_every_time(self) -> None:
        backwards = self.complete()[::-1]
        assert zip_bytes(self.complete()) == zip_bytes(backwards)
        assert tar_bytes(self.complete()) == tar_bytes(backwards)

    def test_archives_hold_modes_and_no_clock(self) -> None:
        with zipfile.ZipFile(io.BytesIO(zip_bytes(self.complete()))) as archive:
            assert archive.namelist() == ["a/", "a/b.txt", *self.NAMES]
            modes = [i.external_attr >> 16 & 0o777 for i in archive.infolist()]
            assert modes == [0o755, 0o644, 0o644, 0o644, 0o755]
            assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        with tarfile.open(fileobj=io.BytesIO(tar_bytes(self.complete()))) as archive:
            assert {(m.mtime, m.uid, m.uname) for m in archive} == {(0, 0, "")}

    def test_a_directory_is_replaced_without_leftovers(self, tmp_path: Path) -> None:
        target = tmp_path / "out"
        write(self.complete(text("stale.txt", "old")), str(target))
        write(self.complete(), str(target))
        names = ["a", "checksums.txt", "provenance.json", "run.sh"]
        assert sorted(p.name for p in target.iterdir()) == names
        assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]
        assert os.access(target / "run.sh", os.X_OK)
        assert verify(str(target)).passed

    def test_somebody_elses_directory_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("precious")
        with pytest.raises(InvalidRequest, match="--force"):
            write(self.complete(), str(tmp_path))
        assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]

    def test_a_file_that_no_bundle_brought_is_never_lost(self, tmp_path: Path) -> None:
        """Not beside a recipe, not in the midst of a bundle, not in a place of its own."""
        (tmp_path / "recipe.yaml").write_text("mine")
        with pytest.raises(InvalidRequest, match=r"holds recipe\.yaml, which is of no bundle"):
            write(self.complete(), str(tmp_path))
        assert (tmp_path / "recipe.yaml").read_text() == "mine"
        target = tmp_path / "out"
        write(self.complete(), str(target))
        write(self.complete(), str(target))
        (target / "notes").mkdir()
        (target / "notes" / "mine.txt").write_text("precious")
        with pytest.raises(InvalidRequest, match=r"holds notes/mine\.txt, which is of no bundle"):
            write(self.complete(), str(target))
        assert (target / "notes" / "mine.txt").read_text() == "precious"
        write(self.complete(), str(target), force=True)
        assert not (target / "notes").exists()

    def test_what_somebody_changed_is_not_lost(self, tmp_path: Path) -> None:
        target = tmp_path / "out"
        write(self.complete(), str(target))
        (target / "a/b.txt").write_text("edited")
        with pytest.raises(InvalidRequest, match=r"holds a/b\.txt, which was changed since"):
            write(self.complete(), str(target))
        assert (target / "a/b.txt").read_text() == "edited"

    def test_somebody_elses_checksums_make_no_bundle(self, tmp_path: Path) -> None:
        tool = text("tool.tgz", "precious")
        for file in (tool, checksums.of([tool])):
            (tmp_path / file.path).write_bytes(file.data)
        with pytest.raises(InvalidRequest, match=r"checksums\.txt, which is of no bundle"):
            write(self.complete(), str(tmp_path))
        assert (tmp_path / "tool.tgz").exists()

    def test_neighbours_with_names_like_ours_are_left_alone(self, tmp_path: Path) -> None:
        for name in ("out.aicr-old", ".out.aicr-notes", ".out.aicr-12345678"):
            (tmp_path / name).mkdir()
            (tmp_path / name / "mine.txt").write_text("precious")
        for _ in range(2):
            write(self.complete(), str(tmp_path / "out"))
        assert len(list(tmp_path.glob("*/mine.txt"))) == 3

    @pytest.mark.parametrize("force", [False, True])
    def test_the_repository_of_a_checkout_stays(self, tmp_path: Path, force: bool) -> None:
        target = tmp_path / "out"
        write(self.complete(text("stale.txt", "old")), str(target))
        (target / ".git").mkdir()
        (target / ".git/HEAD").write_text("ref: refs/heads/main\n")
        write(self.complete(), str(target), force=force)
        assert (target / ".git/HEAD").read_text() == "ref: refs/heads/main\n"
        assert not (target / "stale.txt").exists()
        assert verify(str(target)).passed
        assert [p.name for p in tmp_path.iterdir()] == ["out"]

    def test_the_working_directory_stays_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "out").mkdir()
        monkeypatch.chdir(tmp_path / "out")
        for files in (self.complete(text("stale.txt", "old")), self.complete()):
            write(files, ".")
            assert verify(os.curdir).passed
        assert sorted(os.listdir(os.curdir)) == ["a", "checksums.txt", "provenance.json", "run.sh"]
        assert [p.name for p in tmp_path.iterdir()] == ["out"]

    def test_a_private_directory_stays_private(self, tmp_path: Path) -> None:
        (tmp_path / "out").mkdir(mode=0o700)
        write(self.complete(), str(tmp_path / "out"))
        assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700

    def test_writers_at_the_same_time(self, tmp_path: Path) -> None:
        """Each ends, and what is there in the end is one of theirs, whole."""
        program = (
            "import sys\n"
            "from tests.bundle.test_bundle import TestWriting, text\n"
            "from aicr.bundle.write import write\n"
            "for i in range(15):\n"
            "    write(TestWriting().complete(text('who', sys.argv[2])), sys.argv[1])\n"
        )
        command = [sys.executable, "-c", program, str(tmp_path / "out")]
        writers = [subprocess.Popen([*command, str(n)], cwd=ROOT) for n in range(6)]
        assert [writer.wait() for writer in writers] == [0] * 6
        assert verify(str(tmp_path / "out")).passed
        assert [p.name for p in tmp_path.iterdir()] == ["out"]

    def test_a_link_is_no_target(self, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "link").symlink_to("real")
        with pytest.raises(InvalidRequest, match="is a link; name the directory"):
            write(self.complete(), str(tmp_path / "link"))


class TestStated:
    """What the chart makes of the values: in the bundle to be read, applied by nobody."""

    POLICY = "gpu-operator/manifests/clusterpolicy.yaml"

    @pytest.mark.parametrize("deployer", DEPLOYERS)
    def test_the_policy_says_what_the_values_say(self, builtin: Catalog, deployer: str) -> None:
        said = ["gpuoperator:driver.version=570.1.2", "gpuoperator:driver.unknown=1"]
        files = of_family(builtin, "h100-eks-ubuntu-training-kubeflow", deployer=deployer, set=said)
        policy = yamlio.parse(files[self.POLICY].data, "p").value
        assert policy["kind"] == "ClusterPolicy"
        assert policy["spec"]["driver"]["version"] == "570.1.2"
        assert "unknown" not in policy["spec"]["driver"]
        assert policy["spec"]["dcgmExporter"]["config"] == {"name": "dcgm-exporter"}

    def test_scripts_do_not_apply_it(self, builtin: Catalog) -> None:
        files = of_family(builtin, "h100-eks-ubuntu-training-kubeflow")
        scripts = [f.data.decode() for p, f in files.items() if p.endswith(".sh")]
        assert not any("clusterpolicy" in script for script in scripts)
        assert not any("gpu-operator/manifests/\n" in script for script in scripts)
        assert any("gpu-operator/manifests/dcgm-exporter.yaml" in script for script in scripts)

    def test_argo_cd_does_not_apply_it(self, builtin: Catalog) -> None:
        name = "h100-eks-ubuntu-training-kubeflow"
        files = of_family(builtin, name, deployer="argocd")
        application = yamlio.parse(files["gpu-operator/application.yaml"].data, "a").value
        manifests = application["spec"]["sources"][-1]
        assert manifests["directory"] == {"exclude": "{clusterpolicy.yaml}"}

    def test_of_another_chart_nothing_is_known(self, builtin: Catalog) -> None:
        ref = {"name": "gpu-operator", "source": "https://fork.test", "version": "v1"}
        files = {f.path for f in bundle(builtin, {"componentRefs": [ref]})}
        assert self.POLICY not in files


def test_kernel_module_parameters_become_files(builtin: Catalog) -> None:
    path = "components/gpu-operator/manifests/kernel-module-params.yaml"
    overrides = {
        "driver": {"kernelModuleConfig": {"name": "params"}},
        "kernelModuleParams": {"nvidia": {"NVreg_A": 1, "NVreg_B": 0}, "nvidia-uvm": {"x": 2}},
    }
    ref = {"name": "gpu-operator", "overrides": overrides, "manifestFiles": [path]}
    files = {f.path: f for f in bundle(builtin, {"componentRefs": [ref]})}
    document = yamlio.parse(files["gpu-operator/manifests/kernel-module-params.yaml"].data, "k")
    assert document.value["metadata"]["name"] == "params"
    assert document.value["data"] == {
        "nvidia.conf": "NVreg_A=1\nNVreg_B=0\n",
        "nvidia-uvm.conf": "x=2\n",
    }
    without = {"name": "gpu-operator", "manifestFiles": [path]}
    files = {f.path: f for f in bundle(builtin, {"componentRefs": [without]})}
    assert "gpu-operator/manifests/kernel-module-params.yaml" not in files


class TestNotes:
    """What a user should know: what has no effect, what is missing, what looks like a mistake."""

    NAME = "h100-eks-ubuntu-training-kubeflow"

    def notes(self, catalog: Catalog, recipe: Any = None, **options: Any) -> str:
        recipe = recipe or resolve(catalog, families(catalog)[self.NAME]).document("v")
        said = parse_all(options.pop("set", []))
        return "\n".join(
            compile_bundle(catalog, recipe, Options(settings=tuple(said), **options)).notes
        )

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"set": ["gpuoperator:driver.versoin=1"]}, "no such key so far; did you mean 'version'"),
            ({"set": ["gpuoperator:driver=1"]}, "--set gpuoperator:driver=1 replaces a map of"),
            ({"set": ["certmanager:enabled=false"]}, "gpu-operator needs cert-manager, which must"),
            ({"bundlers": ("cert-manager",), "accelerated_selector": {"c": "d"}},
             "--accelerated-node-selector has no effect: no component of the bundle reads it"),
            ({"bundlers": ("cert-manager",), "nodes": 3}, "--nodes has no effect"),
            ({"deployer": "argocd"}, "no --repo was given"),
            ({"deployer": "flux"}, "no --repo was given"),
            ({"repo": "https://g.test/r.git"}, "--repo has no effect: helm reads no repository"),
        ],
    )  # fmt: skip
    def test_said(self, builtin: Catalog, options: dict[str, Any], words: str) -> None:
        assert words in self.notes(builtin, **options)
        assert words not in self.notes(builtin)

    def test_keys_that_nothing_reads(self, builtin: Catalog) -> None:
        ref = {"name": "cert-manager", "verison": "v1", "overides": {"a": 1}}
        said = self.notes(builtin, {"componentRefs": [ref], "foo": 1})
        assert "verison of component cert-manager has no effect: no such key (did you mean" in said
        assert "overides of component cert-manager has no effect" in said
        assert "foo of the recipe has no effect" in said

    def test_a_new_key_alone_is_no_mistake(self, builtin: Catalog) -> None:
        assert "gds.zzz" not in self.notes(builtin, set=["gpuoperator:gds.zzz=1"])

    def test_overlays_that_the_catalog_does_not_have(self, builtin: Catalog) -> None:
        recipe = {
            "metadata": {"appliedOverlays": ["base", "site"]},
            "componentRefs": [{"name": "cert-manager"}],
        }
        assert "made with overlay site, which this catalog does not have" in self.notes(
            builtin, recipe
        )
        files = {f.path: f for f in bundle(builtin, recipe)}
        statement = jsonio.parse(files[provenance.NAME].data, "p")
        assert provenance.external(statement)

    @pytest.mark.parametrize(
        ("recipe", "options", "words"),
        [
            (
                [{"name": "k", "type": "Kustomize", "source": "https://g.test"}],
                {"set": ["k:a=1"]},
                "is a kustomization",
            ),
            ([{"name": "deploy.sh"}], {}, "the bundle has a file of that name"),
            ([{"name": "checksums.txt"}], {}, "the bundle has a file of that name"),
            (
                [{"name": "helmfile.yaml"}],
                {"deployer": "helmfile"},
                "the bundle has a file of that name",
            ),
            ([{"name": "data"}], {}, "bundles have a directory of that name"),
            ([{"name": "attestation"}], {}, "bundles have a directory of that name"),
        ],
    )
    def test_refused(
        self, builtin: Catalog, recipe: Any, options: dict[str, Any], words: str
    ) -> None:
        with pytest.raises(InvalidRequest) as caught:
            bundle(builtin, {"componentRefs": recipe}, **options)
        assert words in caught.value.message

    def test_two_manifests_at_one_path(self, external: External) -> None:
        text = "kind: Kustomization\nresources: [x]\n"
        paths = [f"components/a/manifests/m.{suffix}" for suffix in ("yaml", "yml")]
        catalog = catalogs.load(external(dict.fromkeys(paths, text)))
        ref = {"name": "a", "manifestFiles": paths}
        with pytest.raises(InvalidRequest, match="would both be a/kustomize/m/kustomization"):
            bundle(catalog, {"componentRefs": [ref]})


@pytest.mark.parametrize(
    "setting",
    ["gpuoperator:a..b=1", "gpuoperator:.a=1", "gpuoperator:" + "a." * 100 + "b=1"],
)
def test_paths_that_are_none(setting: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid format"):
        parse_all([setting])


def test_very_long_numbers_are_text() -> None:
    (setting,) = parse_all(["gpuoperator:a=" + "9" * 5000])
    assert setting.value == "9" * 5000


def test_the_way_of_a_user_from_criteria_to_a_checked_bundle(
    aicr: Callable[..., Ran], tmp_path: Path
) -> None:
    """Recipe, bundle, unzip, and every list of checksums, with the tools that users have."""
    words = "--service eks --accelerator h100 --intent training --os ubuntu --platform any".split()
    recipe, archive = str(tmp_path / "recipe.yaml"), str(tmp_path / "bundle.zip")
    assert aicr("recipe", *words, "-o", recipe).code == 0
    made = aicr("bundle", "-r", recipe, "-o", archive)
    assert made.code == 0
    with zipfile.ZipFile(archive) as unpacked:
        unpacked.extractall(tmp_path / "plain")  # noqa: S202 (our own archive)
    if shutil.which("unzip"):  # zipfile does not restore modes
        steps = [line.split(". ", 1)[1] for line in made.out.splitlines() if ". unzip" in line]
        subprocess.run(["bash", "-c", steps[0]], check=True, capture_output=True)
        assert aicr("verify", str(tmp_path / "bundle")).code == 0
    lists = sorted((tmp_path / "plain").rglob("checksums.txt"))
    assert len(lists) > 10
    for listing in lists:
        command = ["sha256sum", "-c", "--strict", "--quiet", listing.name]
        subprocess.run(command, cwd=listing.parent, check=True, capture_output=True)
    assert aicr("verify", archive).code == 0
