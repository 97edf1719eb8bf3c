"""Components as stages: what a tool must apply one after the other, for tools that know no scripts.

    kustomizations → manifests the chart needs → the chart → manifests that need the chart

A script applies all manifests twice and forgives the first failure; a tool that keeps a cluster as
it is told needs to know which go when. Objects that every cluster knows go first (a quota without
which no pod of the chart is admitted, a ConfigMap that it mounts); objects of other kinds wait for
the chart, which brings their definitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from aicr.bundle.compile import Bundle, Component, Manifest
from aicr.bundle.files import BundleFile, text
from aicr.errors import InvalidRequest

Kind = Literal["chart", "kustomize", "kustomization", "manifests"]

_RELEASE_LENGTH = 53  # Helm's own limit
_GROUP = re.compile(r"^apiVersion: *[\"']?([^\"'\s#]+)", re.MULTILINE)
# API groups of Kubernetes itself, beside the core one and those without a dot.
_BUILT_IN = re.compile(
    r"(v1|[a-z]+/v[0-9a-z]+|(admissionregistration|apiextensions|apiregistration|certificates"
    r"|coordination|discovery|events|flowcontrol\.apiserver|networking|node|rbac\.authorization"
    r"|resource|scheduling|storage)\.k8s\.io/v[0-9a-z]+)\Z"
)


class Stage(NamedTuple):
    """One thing to apply: a chart, a remote kustomization, one kept in the bundle, or manifests.

    `directory` is the bundle's, for the last two. `early` objects serve the chart and may wait for
    it themselves, so nobody waits for them.
    """

    name: str
    kind: Kind
    component: Component
    directory: str = ""
    manifests: tuple[Manifest, ...] = ()
    early: bool = False

    @property
    def namespace(self) -> str:
        return self.component.namespace or "default"

    def files(self) -> Iterator[BundleFile]:
        """The manifests, as these tools should see them."""
        for manifest in self.manifests:
            name = "kustomization.yaml" if self.kind == "kustomization" else manifest.name
            yield text(f"{self.directory}/{name}", without_hooks(manifest.text))


def stages(bundle: Bundle, reserved: tuple[str, ...] = ()) -> list[Stage]:
    """All stages in order. Raises InvalidRequest: two of one name, one too long for a release."""
    found = [stage for c in bundle.components for stage in _of(c)]
    seen = set(reserved)
    for stage in found:
        if stage.name in seen:
            raise InvalidRequest(f"component {stage.component.name}: {stage.name} is there twice")
        if len(stage.name) > _RELEASE_LENGTH:
            words = f"{stage.name} is longer than the {_RELEASE_LENGTH} characters of a release"
            raise InvalidRequest(f"component {stage.component.name}: {words}")
        seen.add(stage.name)
    return found


def _of(c: Component) -> Iterator[Stage]:
    for manifest in c.manifests:
        if manifest.kustomization:
            directory = manifest.path.rsplit("/", 1)[0]
            name = f"{c.name}-{slug(directory.rsplit('/', 1)[-1])}"
            yield Stage(name, "kustomization", c, f"{c.name}/{directory}", (manifest,))
    plain = [m for m in c.manifests if not m.kustomization]
    early = tuple(m for m in plain if c.has_chart and built_in(m.text))
    late = tuple(m for m in plain if m not in early)
    if early:
        directory = f"{c.name}/manifests/before"
        yield Stage(f"{c.name}-before", "manifests", c, directory, early, early=True)
    if c.source:
        yield Stage(c.name, "kustomize" if c.kustomize else "chart", c)
    if late:
        alone = not c.source
        directory = f"{c.name}/manifests" + ("" if alone else "/after")
        yield Stage(c.name if alone else f"{c.name}-after", "manifests", c, directory, late)


def built_in(manifest: str) -> bool:
    """Whether a cluster without any additions knows every object of a manifest."""
    groups = _GROUP.findall(manifest)
    return bool(groups) and all(_BUILT_IN.match(group) for group in groups)


def slug(words: str) -> str:
    """Words as (part of) an object's name."""
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-") or "x"


_METADATA = re.compile(r"^metadata:\n(?:[ #].*\n|\n)+", re.MULTILINE)
_HOOK = re.compile(r"^ +[\"']?helm\.sh/hook[-a-z]*[\"']?:.*\n", re.MULTILINE)
_NO_ANNOTATIONS = re.compile(r"^( +)annotations: *\n(?!\1 )", re.MULTILINE)


def without_hooks(manifest: str) -> str:
    """A manifest without the annotations that make it a hook of a chart.

    `kubectl apply` ignores them. Helm and Argo CD do not: they would delete what is marked
    `hook-succeeded` as soon as it is there, and make everything else anew on every upgrade.
    """
    return _METADATA.sub(lambda m: _NO_ANNOTATIONS.sub("", _HOOK.sub("", m[0])), manifest)


def repository_names(bundle: Bundle) -> dict[str, str]:
    """A name for every distinct chart source, in the order in which they appear."""
    names: dict[str, str] = {}
    for c in bundle.components:
        if c.has_chart and c.source not in names:
            base = slug(c.source.split("://", 1)[-1])[:_RELEASE_LENGTH].strip("-")
            taken = sum(name == base or name.startswith(f"{base}--") for name in names.values())
            names[c.source] = f"{base}--{taken + 1}" if taken else base
    return names
