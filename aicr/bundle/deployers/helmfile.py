"""The helmfile deployer: one helmfile.yaml, a release per stage, each needing the one before it.

Manifests are releases too, of a chart that prints the files of a directory as they are: hooks would
run only where a chart has changed, and be neither compared nor destroyed. Kustomizations beside a
chart (CRDs kept elsewhere) are hooks nevertheless, since Helm never upgrades CRDs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from aicr import yamlio
from aicr.bundle.compile import Bundle, Component
from aicr.bundle.deployers import contents, steps
from aicr.bundle.deployers.stages import Stage, repository_names, stages
from aicr.bundle.files import BundleFile, text
from aicr.bundle.rendering import Rendering
from aicr.errors import InvalidRequest

TITLE = "Helmfile releases"

_DEFAULTS = {"wait": True, "timeout": 600, "createNamespace": True}
# One comment to YAML; to Helm, every file of the directory that the release's values name.
_PRINTS_FILES = (
    "# The manifests, as they are:{{ range $path, $_ := .Files.Glob (printf "
    '"%s/*" .Values.directory) }}{{ printf "\\n---\\n" }}{{ $.Files.Get $path }}{{ end }}\n'
)


def next_steps(target: str) -> list[str]:
    """What to do with the bundle, as commands."""
    return [f"cd {quote(target)}", "helmfile sync"]


def files(bundle: Bundle, renderer: Rendering) -> list[BundleFile]:
    """Every file of the bundle but the checksums of the whole.

    Raises InvalidRequest where a field would be a template to helmfile, or a name does not fit.
    """
    found = stages(bundle)
    result: list[BundleFile] = []
    for component in bundle.components:
        own = [s for s in found if s.component == component]
        result += _component_files(component, own)
    document = _document(found, repository_names(bundle))
    _check_plain(document)
    return [
        *result,
        text("helmfile.yaml", yamlio.dump(document)),
        contents.readme_file(bundle, renderer, "README-helmfile.md"),
        contents.recipe_file(bundle),
    ]


def _component_files(c: Component, own: list[Stage]) -> Iterator[BundleFile]:
    yield contents.values_file(c)
    yield from contents.stated_files(c)
    for stage in own:
        yield from stage.files()
        if stage.kind == "kustomize":
            remote = {"resources": [steps.kustomize_url(c)]}
            yield text(f"{c.name}/kustomize/kustomization.yaml", yamlio.dump(remote))
    if any(_is_local_chart(s, own) for s in own):
        chart = {"apiVersion": "v2", "name": c.name, "version": "0.1.0"}
        chart["description"] = f"Manifests of {c.name}"
        yield text(f"{c.name}/Chart.yaml", yamlio.dump(chart))
        yield text(f"{c.name}/templates/manifests.yaml", _PRINTS_FILES)


def _is_local_chart(stage: Stage, own: list[Stage]) -> bool:
    """Manifests are one; so is what carries hooks where a component has nothing but those."""
    return stage.kind == "manifests" or all(s.kind == "kustomization" for s in own)


def _document(found: list[Stage], names: Mapping[str, str]) -> dict[str, Any]:
    repositories = [_repository(source, name) for source, name in names.items()]
    releases = list(_releases(found, names))
    return {
        **({"repositories": repositories} if repositories else {}),
        "helmDefaults": _DEFAULTS,
        "releases": releases,
    }


def _repository(source: str, name: str) -> dict[str, Any]:
    if source.startswith("oci://"):
        return {"name": name, "url": source.removeprefix("oci://"), "oci": True}
    return {"name": name, "url": source}


def _releases(found: list[Stage], names: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    needs: list[str] = []
    hooks: list[dict[str, Any]] = []
    for place, stage in enumerate(found):
        if stage.kind == "kustomization":
            hooks += _kustomization_hooks(stage)
            following = found[place + 1 : place + 2]
            if following and following[0].component == stage.component:
                continue  # the component's first release carries them
        release = _release(stage, names)
        hooks += _restart_hooks(stage)
        yield {
            **release,
            **({"needs": needs} if needs else {}),
            **({"hooks": hooks} if hooks else {}),
        }
        needs, hooks = [f"{stage.namespace}/{stage.name}"], []


def _release(stage: Stage, names: Mapping[str, str]) -> dict[str, Any]:
    c = stage.component
    head: dict[str, Any] = {"name": stage.name, "namespace": stage.namespace}
    # `apply` compares everything before it installs anything, so kinds may still be unknown.
    tail = {"disableValidationOnInstall": True}
    if stage.early or c.name in steps.ASYNC:
        tail["wait"] = False
    if stage.kind == "chart":
        version = {"version": c.version} if c.version else {}
        values = {"values": [f"{c.name}/values.yaml"]}
        return {**head, "chart": f"{names[c.source]}/{c.chart}", **version, **values, **tail}
    if stage.kind == "kustomize":
        return {**head, "chart": f"./{c.name}/kustomize", **tail}
    directory = stage.directory.removeprefix(f"{c.name}/")
    nothing = stage.kind == "kustomization"  # only its hooks do something
    prints = {"values": [{"directory": "none" if nothing else directory}]}
    return {**head, "chart": f"./{c.name}", **prints, **tail}


def _kustomization_hooks(stage: Stage) -> list[dict[str, Any]]:
    # Server-side: what the annotation of a client-side apply cannot hold, as CRDs often are.
    return [
        _hook("presync", ["kubectl", "apply", "--server-side", "-k", stage.directory]),
        _hook("postuninstall", ["kubectl", "delete", "--ignore-not-found", "-k", stage.directory]),
    ]


def _restart_hooks(stage: Stage) -> list[dict[str, Any]]:
    daemonset = steps.RESTARTED.get(stage.name) if stage.kind == "chart" else None
    if not daemonset:
        return []
    where = f"daemonset {quote(daemonset)} -n {quote(stage.namespace)}"
    script = (
        f"kubectl rollout restart {where} && kubectl rollout status {where} --timeout 120s"
        f" || echo 'warning: could not restart {daemonset}; restart it once the driver is ready'"
    )
    return [_hook("postsync", ["sh", "-c", script])]


def _hook(event: str, command: list[str]) -> dict[str, Any]:
    return {"events": [event], "showlogs": True, "command": command[0], "args": command[1:]}


def _check_plain(value: Any) -> None:
    """Helmfile runs templates in almost every field; what a recipe says must not become one."""
    if isinstance(value, str) and "{{" in value:
        raise InvalidRequest(f"helmfile would take {value!r} for a template")
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            _check_plain(item)
