"""The argocd deployer: an app of apps, one Application per component, in sync waves.

The objects are values printed as YAML, not templates: nothing from a recipe can break out of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Any

from aicr import yamlio
from aicr.bundle.compile import Bundle, Component
from aicr.bundle.deployers import contents
from aicr.bundle.deployers.stages import without_hooks
from aicr.bundle.files import BundleFile, text
from aicr.bundle.rendering import Rendering

TITLE = "ArgoCD applications"
NAMESPACE = "argocd"
_SERVER = "https://kubernetes.default.svc"


def next_steps(target: str) -> list[str]:
    """What to do with the bundle, as commands."""
    push = f"push the content of {target} to the top of the repository"
    return [push, f"kubectl apply -f {quote(target)}/app-of-apps.yaml"]


def files(bundle: Bundle, renderer: Rendering) -> list[BundleFile]:
    """Every file of the bundle but the checksums of the whole."""
    repo = contents.repo_of(bundle)
    result: list[BundleFile] = []
    for wave, component in enumerate(bundle.components):
        result += _component_files(component, wave, repo)
    result += [
        text("app-of-apps.yaml", yamlio.dump(_app_of_apps(repo))),
        contents.readme_file(bundle, renderer, "README-argocd.md"),
        contents.recipe_file(bundle),
    ]
    return result


def _component_files(c: Component, wave: int, repo: str) -> Iterator[BundleFile]:
    if not c.kustomize:
        yield contents.values_file(c)
    for manifest in c.manifests:
        yield text(f"{c.name}/{manifest.path}", without_hooks(manifest.text))
    yield from contents.stated_files(c)
    yield text(f"{c.name}/application.yaml", yamlio.dump(_application(c, wave, repo)))


def _application(c: Component, wave: int, repo: str) -> dict[str, Any]:
    found = list(_sources(c, repo)) or [_git(repo, c.name, directory={"exclude": "*"})]
    one = len(found) == 1
    spec: dict[str, Any] = {
        "project": "default",
        **({"source": found[0]} if one else {"sources": found}),
        "destination": {"server": _SERVER, "namespace": c.namespace or "default"},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True},
            "syncOptions": ["CreateNamespace=true"],
        },
    }
    annotations = {"argocd.argoproj.io/sync-wave": str(wave)}
    return _object(c.name, spec, annotations)


def _sources(c: Component, repo: str) -> Iterator[dict[str, Any]]:
    """Where a component comes from: its chart with our values, a kustomization, its manifests."""
    if c.kustomize and c.source:
        revision = {"targetRevision": c.tag} if c.tag else {}
        yield {"repoURL": c.source, **revision, "path": c.path or "."}
    if c.has_chart:
        # Argo CD knows an OCI registry by a repository URL without its scheme.
        yield {
            "repoURL": c.source.removeprefix("oci://"),
            "chart": c.chart,
            # Elsewhere `v` makes no difference; in a registry the version is a tag, as it stands.
            "targetRevision": (c.version if c.oci else c.version.removeprefix("v")) or "*",
            "helm": {"valueFiles": [f"$values/{c.name}/values.yaml"]},
        }
        yield {"repoURL": repo, "targetRevision": contents.REVISION, "ref": "values"}
    directories = dict.fromkeys(m.path.rsplit("/", 1)[0] for m in c.manifests)
    for directory in directories:
        yield _git(repo, f"{c.name}/{directory}", **_less(c))


def _less(c: Component) -> dict[str, Any]:
    """What of a directory of manifests Argo CD must leave to the chart."""
    names = ",".join(m.name for m in c.stated)
    return {"directory": {"exclude": f"{{{names}}}"}} if names else {}


def _git(repo: str, path: str, **more: Any) -> dict[str, Any]:
    return {"repoURL": repo, "targetRevision": contents.REVISION, "path": path, **more}


def _app_of_apps(repo: str) -> dict[str, Any]:
    spec = {
        "project": "default",
        "source": _git(repo, ".", directory={"recurse": True, "include": "*/application.yaml"}),
        "destination": {"server": _SERVER, "namespace": NAMESPACE},
        "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
    }
    return _object("nvidia-stack", spec, {})


def _object(name: str, spec: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": NAMESPACE}
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": metadata,
        "spec": spec,
    }
