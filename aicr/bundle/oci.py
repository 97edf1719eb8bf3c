"""Bundles as OCI artifacts: one gzipped tar layer, an empty config, a manifest (contract 13.4).

The image layout on disk and what is pushed to a registry are the same blobs with the same digests.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from aicr import jsonio
from aicr._version import __version__
from aicr.bundle.archive import tar_bytes
from aicr.bundle.files import ARTIFACT, BundleFile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_EMPTY = "application/vnd.oci.empty.v1+json"
_TITLE = "org.opencontainers.image.title"
# What `oras pull` calls the layer.
FILE = "bundle.tar.gz"
# Outputs do not know the clock.
_CREATED = "1970-01-01T00:00:00Z"


class Artifact(NamedTuple):
    """A bundle as blobs; the manifest names the others by digest."""

    manifest: bytes
    config: bytes
    layer: bytes

    @property
    def digest(self) -> str:
        """What the artifact is called when it must not change: `sha256:…`."""
        return digest_of(self.manifest)


def artifact(files: Sequence[BundleFile]) -> Artifact:
    """The artifact of a bundle's files."""
    config, layer = b"{}", tar_bytes(files)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": descriptor(_EMPTY, config),
        "layers": [{**descriptor(_LAYER, layer), "annotations": {_TITLE: FILE}}],
        "annotations": {
            "org.opencontainers.image.created": _CREATED,
            _TITLE: "aicr bundle",
            "org.opencontainers.image.vendor": "NVIDIA",
            "org.opencontainers.image.version": __version__,
        },
    }
    return Artifact(jsonio.compact(manifest).encode(), config, layer)


def layout(made: Artifact) -> list[BundleFile]:
    """An OCI image layout with the artifact, tagged with the version of aicr."""
    tag = {"org.opencontainers.image.ref.name": __version__}
    entry = {**descriptor(MANIFEST, made.manifest), "artifactType": ARTIFACT, "annotations": tag}
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [entry]}
    version = {"imageLayoutVersion": "1.0.0"}
    return [
        BundleFile("index.json", jsonio.compact(index).encode()),
        BundleFile("oci-layout", jsonio.compact(version).encode()),
        *(BundleFile(f"blobs/sha256/{sha256(blob).hexdigest()}", blob) for blob in made),
    ]


def descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    """How one blob refers to another."""
    return {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}


def digest_of(blob: bytes) -> str:
    return f"sha256:{sha256(blob).hexdigest()}"
