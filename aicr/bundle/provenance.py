"""provenance.json: what a bundle was made of, as an in-toto statement (SLSA provenance v1).

It names no time, user, host or path: the same inputs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from aicr import jsonio
from aicr._version import __version__
from aicr.bundle.compile import Bundle
from aicr.bundle.files import BundleFile, text
from aicr.bundle.notes import unknown_overlays
from aicr.bundle.options import Options
from aicr.catalog import Catalog

NAME = "provenance.json"
BUILD_TYPE = "https://aicr.nvidia.com/bundle/v1"
BUILDER = "urn:aicr"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"


def of(catalog: Catalog, bundle: Bundle, files: Iterable[BundleFile]) -> BundleFile:
    """The statement about these files: every one of the bundle but the checksums and itself."""
    subject = [{"name": f.path, "digest": {"sha256": sha256(f.data).hexdigest()}} for f in files]
    definition = {
        "buildType": BUILD_TYPE,
        "externalParameters": {
            "criteria": dict(bundle.recipe.get("criteria") or {}),
            "options": _stated(bundle.options),
        },
        "internalParameters": {
            "components": [c.name for c in bundle.components],
            # Made with a catalog that was not at hand: what it says went in unseen.
            "unknownOverlays": unknown_overlays(catalog, bundle.recipe),
        },
        "resolvedDependencies": _catalogs(catalog),
    }
    builder = {"id": BUILDER, "version": {"aicr": __version__}}
    return text(
        NAME,
        jsonio.pretty(
            {
                "_type": _STATEMENT,
                "subject": subject,
                "predicateType": _PREDICATE,
                "predicate": {"buildDefinition": definition, "runDetails": {"builder": builder}},
            }
        ),
    )


def _catalogs(catalog: Catalog) -> list[dict[str, Any]]:
    """The catalogs by the digest of their files: ours, and an external one over it."""
    return [
        {"name": name, "digest": {"sha256": digest}}
        for name, digest in zip(("catalog", "data"), catalog.layers, strict=False)
    ]


def _stated(options: Options) -> dict[str, Any]:
    """The options that differ from their defaults."""
    default = Options()._asdict()
    stated = {k: v for k, v in options._asdict().items() if k == "deployer" or v != default[k]}
    return {k: _plain(v) for k, v in stated.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return [_plain(v) for v in value]
    return value if isinstance(value, str | int) else str(value)


def external(statement: Mapping[str, Any]) -> bool:
    """Whether a statement says that an external catalog went into the bundle, or its recipe."""
    definition = (statement.get("predicate") or {}).get("buildDefinition") or {}
    if (definition.get("internalParameters") or {}).get("unknownOverlays"):
        return True
    return any(d.get("name") == "data" for d in definition.get("resolvedDependencies") or [])


def tool_version(statement: Mapping[str, Any]) -> str:
    """The version of aicr that made the bundle, as the statement says."""
    builder = ((statement.get("predicate") or {}).get("runDetails") or {}).get("builder") or {}
    return str((builder.get("version") or {}).get("aicr") or "")
