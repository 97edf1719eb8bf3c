"""deploy.sh and undeploy.sh against a cluster that is played by files: what they do and leave."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aicr.bundle.write import write
from aicr.catalog import Catalog
from tests.bundle.test_bundle import bundle

# `kubectl get KIND` prints the file of that kind, `get namespace X` its phase, and everything else
# is written down. Services exist when a file says so.
KUBECTL = """#!/bin/bash
echo "$@" >> "$CLUSTER/log"
case "$1 $2" in
  "get service") [[ -e $CLUSTER/service-$5-$3 ]] || { echo "Error (NotFound)" >&2; exit 1; } ;;
  "get namespace")
    if [[ $* == *jsonpath* ]]; then cat "$CLUSTER/phase-$3" 2>/dev/null; else echo '{"spec": {}}'; fi ;;
  get\\ *) cat "$CLUSTER/$2" 2>/dev/null ;;
  replace\\ *) cat > "$CLUSTER/replaced"; rm "$CLUSTER"/phase-* ;;
esac
exit 0
"""
WEBHOOKS = "mutatingwebhookconfigurations,validatingwebhookconfigurations"


def thing(kind: str, name: str, release: str = "", service: str = "") -> dict[str, Any]:
    namespace, _, release_name = release.partition("/")
    keys = ("meta.helm.sh/release-namespace", "meta.helm.sh/release-name")
    annotations = dict(zip(keys, (namespace, release_name), strict=True)) if release else {}
    there, _, named = service.partition("/")
    hooks = [{"clientConfig": {"service": {"namespace": there, "name": named}}}] if service else []
    metadata = {"name": name, "annotations": annotations}
    return {"kind": kind, "metadata": metadata, "webhooks": hooks}


@pytest.fixture
def cluster(tmp_path: Path) -> Path:
    directory = tmp_path / "cluster"
    (directory / "bin").mkdir(parents=True)
    stubs = {
        "kubectl": KUBECTL,
        "helm": "#!/bin/sh\n",
        "sleep": "#!/bin/sh\necho x >> $CLUSTER/naps\n",
    }
    for name, text in stubs.items():
        (directory / "bin" / name).write_text(text)
        (directory / "bin" / name).chmod(0o755)
    return directory


def undeploy(
    catalog: Catalog, cluster: Path, *arguments: str, component: str = "cert-manager"
) -> tuple[list[str], str]:
    """What kubectl was asked to change, and what the script said on stderr."""
    done = run(catalog, cluster, "undeploy.sh", *arguments, component=component)
    assert done.returncode == 0
    log = (cluster / "log").read_text().splitlines()
    return [line for line in log if not line.startswith("get ")], done.stderr


def run(
    catalog: Catalog,
    cluster: Path,
    script: str,
    *arguments: str,
    component: str = "cert-manager",
) -> subprocess.CompletedProcess[str]:
    ref = {"name": component, "namespace": "cm"}
    write(bundle(catalog, {"componentRefs": [ref]}), str(cluster / "b"))
    env = {"PATH": f"{cluster / 'bin'}:/usr/bin:/bin", "CLUSTER": str(cluster)}
    command = ["bash", str(cluster / "b" / script), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_a_clean_cluster(builtin: Catalog, cluster: Path) -> None:
    changes, said = undeploy(builtin, cluster)
    assert changes == ["delete namespace cm --ignore-not-found --wait=false"]
    assert said == ""


def test_namespaces_and_volumes_as_asked_for(builtin: Catalog, cluster: Path) -> None:
    changes, _ = undeploy(builtin, cluster, "--keep-namespaces", "--delete-pvcs")
    assert changes == ["delete pvc --all -n cm --ignore-not-found"]


def test_leftovers_of_our_releases_go_and_nobody_elses(builtin: Catalog, cluster: Path) -> None:
    if not shutil.which("jq"):
        return  # the script says that it does without
    hooks = [
        thing("MutatingWebhookConfiguration", "ours", release="cm/cert-manager"),
        thing("MutatingWebhookConfiguration", "other", release="cm/other"),
        thing("ValidatingWebhookConfiguration", "orphan", service="cm/gone"),
        thing("ValidatingWebhookConfiguration", "alive", service="cm/alive"),
        thing("ValidatingWebhookConfiguration", "elsewhere", service="kube-system/gone"),
    ]
    crds = [thing("CustomResourceDefinition", "a.b", release="cm/cert-manager"), thing("X", "c.d")]
    (cluster / WEBHOOKS).write_text(json.dumps({"items": hooks}))
    (cluster / "customresourcedefinitions").write_text(json.dumps({"items": crds}))
    (cluster / "service-cm-alive").touch()
    changes, _ = undeploy(builtin, cluster, "--keep-namespaces")
    assert dict.fromkeys(changes) == dict.fromkeys(
        [
            "delete mutatingwebhookconfiguration/ours --ignore-not-found --wait=false",
            "delete customresourcedefinition/a.b --ignore-not-found --wait=false",
            "delete ValidatingWebhookConfiguration orphan --ignore-not-found",
        ]
    )


def test_a_namespace_that_does_not_go_loses_its_finalizers(builtin: Catalog, cluster: Path) -> None:
    if not shutil.which("jq"):
        return  # the script warns instead
    (cluster / "phase-cm").write_text("Terminating")
    changes, said = undeploy(builtin, cluster)
    assert len((cluster / "naps").read_text().splitlines()) == 12  # a minute
    assert "replace --raw /api/v1/namespaces/cm/finalize -f -" in changes
    assert json.loads((cluster / "replaced").read_text()) == {"spec": {"finalizers": []}}
    assert "namespace cm does not go" in said
    assert "still being deleted" not in said


def test_crds_that_stay_are_reported(builtin: Catalog, cluster: Path) -> None:
    (cluster / "crds").write_text("crd/x.kai.scheduler\ncrd/y.trainer.kubeflow.org\n")
    changes, said = undeploy(builtin, cluster, "--keep-namespaces", component="kai-scheduler")
    assert changes == ["delete crd/x.kai.scheduler --ignore-not-found --wait=false"]
    assert said == "warning: these CRDs are left: crd/x.kai.scheduler\n"


def test_deploying_stops_before_a_namespace_that_is_going(builtin: Catalog, cluster: Path) -> None:
    (cluster / "phase-cm").write_text("Terminating")
    done = run(builtin, cluster, "deploy.sh")
    assert (done.returncode, "namespace cm is being deleted" in done.stderr) == (1, True)


def test_deploying_stops_before_a_webhook_without_service(builtin: Catalog, cluster: Path) -> None:
    if not shutil.which("jq"):
        return  # the script says that it does without
    hook = thing("ValidatingWebhookConfiguration", "orphan", service="cm/gone")
    (cluster / WEBHOOKS).write_text(json.dumps({"items": [hook]}))
    done = run(builtin, cluster, "deploy.sh")
    assert done.returncode == 1
    assert "webhook orphan calls cm/gone, which does not exist" in done.stderr
    (cluster / "service-cm-gone").touch()
    assert run(builtin, cluster, "deploy.sh").returncode == 0


def test_crds_of_what_is_not_in_the_bundle_stay(builtin: Catalog, cluster: Path) -> None:
    (cluster / "crds").write_text("crd/x.kai.scheduler\n")
    assert undeploy(builtin, cluster, "--keep-namespaces") == ([], "")


def test_volumes_of_the_clusters_own_namespaces_stay(builtin: Catalog, cluster: Path) -> None:
    ref = {"name": "nvidia-dra-driver-gpu", "namespace": "kube-system"}
    write(bundle(builtin, {"componentRefs": [ref]}), str(cluster / "b"))
    assert "delete pvc" not in (cluster / "b/undeploy.sh").read_text()


@pytest.mark.parametrize("script", ["deploy.sh", "undeploy.sh"])
def test_without_its_tools_a_script_does_nothing(
    builtin: Catalog, cluster: Path, script: str
) -> None:
    (cluster / "bin/helm").unlink()
    done = run(builtin, cluster, script)
    if shutil.which("helm", path="/usr/bin:/bin"):
        return
    assert (done.returncode, done.stderr) == (1, "helm is not installed\n")
    assert not (cluster / "log").exists()


def test_what_could_not_be_removed_is_named(builtin: Catalog, cluster: Path) -> None:
    (cluster / "bin/helm").write_text("#!/bin/sh\nexit 1\n")
    done = run(builtin, cluster, "undeploy.sh")
    assert "removed, except: cert-manager" in done.stderr


def test_names_that_differ_by_a_dot_are_two_components(builtin: Catalog, cluster: Path) -> None:
    refs = [{"name": name, "source": "https://c.test", "chart": name} for name in ("a-b", "a.b")]
    write(bundle(builtin, {"componentRefs": refs}), str(cluster / "b"))
    (cluster / "bin/helm").write_text('#!/bin/sh\necho "$@" >> "$CLUSTER/helm"\n')
    env = {"PATH": f"{cluster / 'bin'}:/usr/bin:/bin", "CLUSTER": str(cluster)}
    subprocess.run(["bash", str(cluster / "b/deploy.sh")], env=env, check=True, capture_output=True)
    installed = [line.split()[2] for line in (cluster / "helm").read_text().splitlines()]
    assert installed == ["a-b", "a.b"]
