"""The stack of a cluster: AICR criteria compiled to digests and versions that a plan can compare.

So a changed overlay, registry or chart version is a planned change of every cluster it concerns.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from aicr import jsonio
from aicr.catalog import Catalog
from aicr.criteria import Criteria
from aicr.errors import InvalidRequest
from aicr.hydrate import hydrate
from aicr.resolve import resolve

_DIGITS = 16


class Stacks:
    """Compiles criteria of one catalog, each combination once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._made: dict[bytes, dict[str, Any]] = {}

    @property
    def digest(self) -> str:
        return self._catalog.digest

    def of(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Digests of the hydrated recipe and of the bundle, and per component its version and a
        digest of its values. Raises InvalidRequest for criteria that are none.
        """
        criteria = self._criteria(given)
        key = jsonio.canonical(criteria.document())
        if key not in self._made:
            self._made[key] = self._compile(criteria)
        return self._made[key]

    def _criteria(self, given: Mapping[str, Any]) -> Criteria:
        fields = self._catalog.fields
        words = {k: v for k, v in given.items() if k != "nodes"}
        for name in words:
            if name not in fields:
                raise InvalidRequest(
                    f"{name}: no such criterion: there are {', '.join(fields)}, nodes"
                )
        criteria = Criteria.of(fields, words, given.get("nodes", 0))
        if criteria.is_open:
            raise InvalidRequest(f"state at least one of {', '.join(fields)}, nodes")
        return criteria

    def _compile(self, criteria: Criteria) -> dict[str, Any]:
        from aicr.bundle import checksums, provenance, sbom  # 35 ms that only clusters need
        from aicr.bundle.assemble import assemble
        from aicr.bundle.options import Options

        # What a bundle says of itself, and of the program that made it.
        about = (checksums.NAME, provenance.NAME, sbom.NAME)

        recipe = resolve(self._catalog, criteria)
        # Without the version of aicr: a newer program that answers the same changes nothing here.
        hydrated = hydrate(self._catalog, recipe, "")
        files = assemble(self._catalog, recipe.document(""), Options()).files
        listing = [
            [file.path, hashlib.sha256(file.data).hexdigest()]
            for file in files
            if file.path not in about
        ]
        components = hydrated["components"]
        return {
            "recipe": _digest(hydrated),
            "bundle": _digest(sorted(listing)),
            "components": {name: _component(components[name]) for name in recipe.order},
        }


def _component(component: Mapping[str, Any]) -> str:
    """Version and digest: the digest tells when only values changed."""
    version = component.get("version") or "unversioned"
    return f"{version} ({_digest(component)})"


def _digest(value: Any) -> str:
    return f"sha256:{hashlib.sha256(jsonio.canonical(value)).hexdigest()[:_DIGITS]}"
