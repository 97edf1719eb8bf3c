"""sbom.cdx.json: the charts and images that a bundle brings into a cluster (CycloneDX 1.6).

Images are those that values and manifests name with a version. What a chart chooses by itself stays
the chart's: its name and version are here, its inside is not known without fetching it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

from aicr import jsonio
from aicr._version import __version__
from aicr.bundle.compile import Bundle, Component
from aicr.bundle.files import BundleFile, text

NAME = "sbom.cdx.json"
_DEFAULT_REGISTRY = "docker.io"
_IMAGE_LINE = re.compile(r"^[ \t]*(?:- )?image:[ \t]*[\"']?([^\"'\s#]+)", re.MULTILINE)


class Image(NamedTuple):
    """A container image: registry and repository, and a tag or `sha256:` digest."""

    repository: str
    version: str


def of(bundle: Bundle) -> BundleFile:
    """The bill of materials of a bundle. The same bundle always has the same serial number."""
    root = {"bom-ref": "bundle", "type": "application", "name": "aicr-bundle"}
    parts: dict[str, dict[str, Any]] = {}
    links = []
    for component in bundle.components:
        entry = _component(component)
        parts[entry["bom-ref"]] = entry
        found = {i["bom-ref"]: i for i in map(_image, sorted(set(images(component))))}
        parts |= found
        links.append({"ref": entry["bom-ref"], "dependsOn": sorted(found)})
    whole = {"ref": root["bom-ref"], "dependsOn": [link["ref"] for link in links]}
    body = {
        "components": list(parts.values()),
        "dependencies": [whole, *links, *({"ref": ref} for ref in parts if ref.startswith("oci:"))],
    }
    serial = UUID(bytes=sha256(jsonio.canonical(body)).digest()[:16], version=5)
    tool = {"type": "application", "name": "aicr", "version": __version__}
    head = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"tools": {"components": [tool]}, "component": root},
    }
    return text(NAME, jsonio.pretty({**head, **body}))


def _component(c: Component) -> dict[str, Any]:
    entry: dict[str, Any] = {"bom-ref": f"component:{c.name}", "type": "application"}
    entry["name"] = c.chart if c.has_chart else c.name
    version = c.version or c.tag
    if version:
        entry["version"] = version
    if c.has_chart:
        at = f"@{quote(version, safe='')}" if version else ""
        where = f"?repository_url={quote(c.source, safe='')}"
        entry["purl"] = f"pkg:helm/{quote(c.chart, safe='')}{at}{where}"
    if c.source:
        kind = "vcs" if c.kustomize else "distribution"
        # An address is an IRI, which has no blanks and the like.
        address = quote(c.source, safe=":/?#[]@!$&'()*+,;=%~-._")
        entry["externalReferences"] = [{"type": kind, "url": address}]
    return entry


def _image(image: Image) -> dict[str, Any]:
    registry, _, path = image.repository.partition("/")
    at = quote(image.version, safe="")
    address = f"pkg:docker/{quote(path)}@{at}?repository_url={quote(registry, safe='')}"
    return {
        "bom-ref": f"oci:{image.repository}@{image.version}",
        "type": "container",
        "name": image.repository,
        "version": image.version,
        "purl": address,
    }


# --------------------------------------------------------------------------- which images


def images(component: Component) -> Iterator[Image]:
    """The images with a version that values and manifests of a component name, in no order."""
    yield from _of_values(component.values)
    for manifest in component.manifests:
        for match in _IMAGE_LINE.finditer(manifest.text):
            yield from _of_reference(match[1])


def _of_values(value: Any) -> Iterator[Image]:
    if isinstance(value, Mapping):
        yield from _of_map(value)
        for below in value.values():
            yield from _of_values(below)
    elif isinstance(value, list):
        for below in value:
            yield from _of_values(below)


def _of_map(value: Mapping[str, Any]) -> Iterator[Image]:
    """The forms that charts use: repository with image and version, or with registry and tag; and
    whole references under `image`."""
    words = {k: str(value[k]) for k in _WORDS if isinstance(value.get(k), str | int | float)}
    version = words.get("digest") or words.get("tag") or words.get("version") or ""
    if "repository" in words and version:
        parts = (words.get("registry"), words["repository"], words.get("image"))
        yield Image(_full("/".join(p.strip("/") for p in parts if p)), version)
    elif "image" in words:
        yield from _of_reference(words["image"] + (f":{version}" if version else ""))


_WORDS = ("registry", "repository", "image", "tag", "version", "digest")


def _of_reference(reference: str) -> Iterator[Image]:
    name, at, digest = reference.partition("@")
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    if at or (colon and tag):
        yield Image(_full(f"{head}{slash}{last}"), digest if at else tag)


def _full(repository: str) -> str:
    """With its registry: the first part, when it looks like a host."""
    head, slash, _ = repository.partition("/")
    if slash and (head == "localhost" or "." in head or ":" in head):
        return repository
    below = repository if slash else f"library/{repository}"
    return f"{_DEFAULT_REGISTRY}/{below}"
