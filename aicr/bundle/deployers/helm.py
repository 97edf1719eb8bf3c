"""The helm deployer: a directory per component, and scripts that install them in order."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote
from typing import Any

from aicr.bundle import checksums
from aicr.bundle.compile import Bundle, Component
from aicr.bundle.deployers import contents, steps
from aicr.bundle.files import BundleFile, text
from aicr.bundle.rendering import Rendering

TITLE = "Helm per-component bundle"


def next_steps(target: str) -> list[str]:
    """What to do with the bundle, as commands."""
    return [f"cd {quote(target)}", "./deploy.sh"]


def files(bundle: Bundle, renderer: Rendering) -> list[BundleFile]:
    """Every file of the bundle but the checksums of the whole."""
    result: list[BundleFile] = []
    for component in bundle.components:
        own = list(_component_files(component, renderer))
        result += [*own, checksums.of(own, component.name)]
    facts = {
        "components": _facts(bundle),
        "namespaces": _namespaces(bundle),
        "crd_groups": steps.crd_groups(bundle.components),
        "tools": steps.tools(bundle.components),
    }
    scripts = {
        "deploy.sh": facts,
        "undeploy.sh": {**facts, "removable": _removable(bundle), "releases": _releases(bundle)},
    }
    result.append(contents.readme_file(bundle, renderer, "README.md"))
    for name, names in scripts.items():
        script = renderer.render(f"templates/bundle/{name}", **names)
        result.append(text(name, script))
    result.append(contents.recipe_file(bundle))
    return result


def _component_files(c: Component, renderer: Rendering) -> Iterator[BundleFile]:
    yield contents.values_file(c)
    for manifest in c.manifests:
        yield text(f"{c.name}/{manifest.path}", manifest.text)
    yield from contents.stated_files(c)
    facts = {"c": c.facts(), "install": steps.install(c), "remove": steps.remove(c)}
    facts |= {"url": steps.kustomize_url(c), "after": steps.restarted(c)}
    yield text(f"{c.name}/README.md", renderer.render("templates/bundle/component.md", **facts))
    for name in ("install.sh", "uninstall.sh"):
        script = renderer.render(f"templates/bundle/component-{name}", **facts)
        yield text(f"{c.name}/scripts/{name}", script)


def _facts(bundle: Bundle) -> list[dict[str, Any]]:
    return [
        {
            "name": c.name,
            "function": steps.function_name(place, c),
            "install": steps.install(c),
            "remove": steps.remove(c),
            "after": steps.restarted(c),
        }
        for place, c in enumerate(bundle.components, 1)
    ]


def _namespaces(bundle: Bundle) -> list[str]:
    return sorted({c.namespace for c in bundle.components if c.namespace})


def _releases(bundle: Bundle) -> list[str]:
    """Helm's releases of the bundle, as namespace/name."""
    return [f"{c.namespace or 'default'}/{c.name}" for c in bundle.components if c.has_chart]


def _removable(bundle: Bundle) -> list[str]:
    """Namespaces that undeploy removes, last first: those of charts and kustomizations."""
    found = [
        c.namespace
        for c in reversed(bundle.components)
        if c.namespace and c.source and c.namespace not in contents.CLUSTER_NAMESPACES
    ]
    if any(c.name == "kai-scheduler" for c in bundle.components):
        found.append("kai-resource-reservation")
    return list(dict.fromkeys(found))
