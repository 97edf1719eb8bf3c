"""Everything that can be wrong with a catalog, beyond what stops it from compiling.

The compiler's own findings come first; these rules look at the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from aicr.compile import link
from aicr.diagnostics import Diagnostic
from aicr.lint import ambiguity, effect, references, registry, repetition
from aicr.lint.view import Linked
from aicr.load import load
from aicr.sources import SourceFile

Check = Callable[[Linked], Iterable[Diagnostic]]

RULES: tuple[Check, ...] = (
    references.dependencies,
    references.components,
    references.measurements,
    effect.unused,
    effect.pointless,
    effect.redundant,
    effect.pins,
    ambiguity.ambiguous,
    repetition.repetition,
    registry.registry,
    registry.foreign,
)


def lint(*layers: Mapping[str, SourceFile]) -> list[Diagnostic]:
    """Every finding, sorted by file and line."""
    docs = load(*layers)
    catalog = {} if docs.broken else link(docs)["catalog"]
    found = list(docs.diagnostics)
    if not docs.broken:
        view = Linked(docs, catalog)
        found += [d for rule in RULES for d in rule(view)]
    return sorted(set(found))
