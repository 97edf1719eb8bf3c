"""A catalog as lint rules see it: its documents beside its compiled form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aicr.documents import Documents, Parsed
from aicr.merge import RECIPE, RuleBook
from aicr.resolve import merge_layers
from aicr.sources import ROOT


class Linked:
    """A catalog that links: its documents and its compiled form."""

    def __init__(self, docs: Documents, catalog: Mapping[str, Any]) -> None:
        self.docs = docs
        self.catalog = catalog
        self.records: dict[str, Mapping[str, Any]] = {o["name"]: o for o in catalog["overlays"]}
        self._merged: dict[str, Any] = {}

    def merged(self, name: str) -> dict[str, Any]:
        """What the overlay's chain makes, from base up."""
        if name not in self._merged:
            chain = [self.catalog["base"], *(self.records[n] for n in self.chain(name))]
            layers = [layer["spec"] for record in chain for layer in record["layers"]]
            self._merged[name] = merge_layers(RuleBook(RECIPE), layers)
        result: dict[str, Any] = self._merged[name]
        return result

    def chain(self, name: str) -> list[str]:
        names: list[str] = [] if name == ROOT else self.records[name]["chain"]
        return names

    def bodies(self) -> Iterator[tuple[Parsed, Mapping[str, Any]]]:
        """Every document that states components and constraints, with its spec."""
        root = [self.docs.root] if self.docs.root else []
        for doc in (*root, *self.docs.overlays.values(), *self.docs.mixins.values()):
            yield doc, doc.value.get("spec") or {}

    def answers(self) -> Iterator[tuple[str, Parsed]]:
        """Every overlay that can be an answer, the root among them."""
        if self.docs.root:
            yield ROOT, self.docs.root
        yield from self.docs.overlays.items()
