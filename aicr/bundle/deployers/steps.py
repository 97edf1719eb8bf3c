"""The shell commands that install and remove one component (contract section 10.1).

Both the bundle's deploy.sh and each component's own scripts are made of these lines. Everything
that comes from a recipe is quoted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from shlex import quote

from aicr.bundle.compile import Component

# Installed without waiting: its pods only become ready once something is scheduled.
ASYNC = ("kai-scheduler",)
# Its plugin reads the driver's state once, at start: restarted after the driver is there.
RESTARTED = {"nvidia-dra-driver-gpu": "nvidia-dra-driver-gpu-kubelet-plugin"}


# API groups whose definitions survive an uninstallation and break the next installation.
CRD_GROUPS = {"kai-scheduler": "kai.scheduler", "kubeflow-trainer": "trainer.kubeflow.org"}
_NOTHING = "^$"


def crd_groups(components: Iterable[Component]) -> str:
    """An extended regular expression for the CRDs that undeploying these components removes."""
    groups = [CRD_GROUPS[c.name].replace(".", "\\.") for c in components if c.name in CRD_GROUPS]
    return f"\\.({'|'.join(groups)})$" if groups else _NOTHING


def tools(components: Iterable[Component]) -> list[str]:
    """The programs that the commands of these components call."""
    found = ["kubectl"]
    if any(c.has_chart for c in components):
        found.append("helm")
    if any(c.kustomize and c.source for c in components):
        found.append("kustomize")
    return found


def function_name(place: int, component: Component) -> str:
    """A name of its own for each component: without the place `a.b` and `a-b` would share one."""
    return f"install_{place}_" + component.name.replace("-", "_").replace(".", "_")


def install(component: Component) -> list[str]:
    """Commands that must all succeed, in order; functions such as `retry` are the script's."""
    return list(_install(component)) or ['echo "nothing to install"']


def _install(c: Component) -> Iterator[str]:
    here = f'"$BUNDLE"/{quote(c.name)}'
    plain = any(not m.kustomization for m in c.manifests)
    if c.namespace and (c.kustomize or c.manifests):
        yield f"ensure_namespace {quote(c.namespace)}"
    for manifest in c.manifests:
        if manifest.kustomization:
            yield f"retry kubectl apply -k {here}/{quote(manifest.path.rsplit('/', 1)[0])}"
    if plain and c.has_chart:
        yield f"retry apply_early {_applied(c, here)}"
    if c.has_chart:
        yield f"retry {_helm_upgrade(c, here)}"
    if c.kustomize and c.source:
        yield f"retry apply_kustomization {quote(kustomize_url(c))} {quote(c.namespace)}"
    if plain:
        yield f"retry kubectl apply {_applied(c, here)}"


def _applied(c: Component, here: str) -> str:
    """The manifests as arguments of kubectl: the directory, or some of the files in it."""
    if not c.stated:
        return f"-f {here}/manifests/"
    return " ".join(f"-f {here}/{quote(m.path)}" for m in c.manifests if not m.kustomization)


def _helm_upgrade(c: Component, here: str) -> str:
    chart = quote(f"{c.source}/{c.chart}") if c.oci else quote(c.chart)
    words = ["helm upgrade --install", quote(c.name), chart]
    if not c.oci:
        words += ["--repo", quote(c.source)]
    if c.version:
        words += ["--version", quote(c.version)]
    if c.namespace:
        words += ["-n", quote(c.namespace), "--create-namespace"]
    words += ["-f", f"{here}/values.yaml"]
    if c.name not in ASYNC:
        words.append('${WAIT[@]+"${WAIT[@]}"}')
    return " ".join(words)


def remove(component: Component) -> list[str]:
    """Commands that remove a component; none of them may stop the others."""
    return list(_remove(component))


def _remove(c: Component) -> Iterator[str]:
    here = f'"$BUNDLE"/{quote(c.name)}'
    if any(not m.kustomization for m in c.manifests):
        yield f"delete_manifests {_applied(c, here)}"
    if c.kustomize and c.source:
        yield f"delete_kustomization {quote(kustomize_url(c))} {quote(c.namespace)}"
    if c.has_chart:
        yield f"uninstall {quote(c.name)} {quote(c.namespace)}"
    for manifest in c.manifests[::-1]:
        if manifest.kustomization:
            yield f"delete_kustomize_dir {here}/{quote(manifest.path.rsplit('/', 1)[0])}"


def restarted(component: Component) -> str:
    """The command that follows the installation, if any; its failure is only worth a warning."""
    daemonset = RESTARTED.get(component.name)
    if not daemonset or not component.has_chart:
        return ""
    return f"restart_daemonset {quote(component.namespace)} {quote(daemonset)}"


def kustomize_url(c: Component) -> str:
    path = f"//{c.path}" if c.path else ""
    return f"{c.source}{path}" + (f"?ref={c.tag}" if c.tag else "")
