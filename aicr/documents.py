"""The documents of a catalog, parsed: what loading makes and linking reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aicr.diagnostics import ERROR, Diagnostic
from aicr.positions import Positions, place_of
from aicr.sources import SourceFile

Path = Iterable[str | int]


@dataclass(frozen=True, slots=True)
class Parsed:
    """A parsed file: where it came from, its value and its positions."""

    file: str
    value: Any
    positions: Positions

    def diagnostic(
        self, path: Path, severity: str, rule: str, message: str, hint: str = ""
    ) -> Diagnostic:
        line, column = place_of(self.positions, path)
        return Diagnostic(self.file, line, column, severity, rule, message, hint)


@dataclass(slots=True)
class Documents:
    """Everything a catalog is made of, valid document by document, before it is linked."""

    registries: list[Parsed] = field(default_factory=list)
    overlays: dict[str, Parsed] = field(default_factory=dict)
    mixins: dict[str, Parsed] = field(default_factory=dict)
    values: dict[str, Parsed] = field(default_factory=dict)
    root: Parsed | None = None
    others: dict[str, SourceFile] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def error(self, doc: Parsed, path: Path, rule: str, text: str, hint: str = "") -> None:
        self.diagnostics.append(doc.diagnostic(path, ERROR, rule, text, hint))

    @property
    def broken(self) -> bool:
        return any(d.severity == ERROR for d in self.diagnostics)
