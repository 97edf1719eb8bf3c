"""What commands print as JSON, as pydantic models; and every kind that has a schema."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from aicr.models import (
    ComponentRegistry,
    Model,
    RecipeCriteria,
    RecipeMetadata,
    RecipeMixin,
    RecipeResult,
    Snapshot,
)


class HistoryEntry(Model):
    layer: str
    file: str = Field(description="Empty for a computed value.")
    line: int
    column: int
    value: Any


class ExplainedValue(Model):
    path: str
    value: Any
    history: list[HistoryEntry] = Field(description="Oldest first; the last one is the value.")


class ExplainOutput(Model):
    """`aicr explain --format json`."""

    formatVersion: Literal["1.0"]
    selector: str
    criteria: dict[str, str | int]
    values: list[ExplainedValue]


class Change(Model):
    path: str
    change: Literal["add", "remove", "replace"]
    old: Any = None
    new: Any = None


class DiffOutput(Model):
    """`aicr diff --format json`."""

    formatVersion: Literal["1.0"]
    a: str
    b: str
    changes: list[Change]


class Finding(Model):
    file: str
    line: int = Field(description="From 1; 0 means the whole file.")
    column: int
    severity: Literal["error", "warning"]
    rule: str
    message: str
    hint: str


class LintOutput(Model):
    """`aicr lint --format json`."""

    formatVersion: Literal["1.0"]
    findings: list[Finding]


class ListOutput(Model):
    """`aicr list KIND --format json`."""

    formatVersion: Literal["1.0"]
    kind: str
    items: list[dict[str, Any]]


# Every kind that `aicr schema` knows and that has a file in schemas/.
KINDS: dict[str, type[Model]] = {
    m.__name__: m
    for m in (
        RecipeCriteria,
        RecipeMetadata,
        RecipeMixin,
        ComponentRegistry,
        Snapshot,
        RecipeResult,
        ExplainOutput,
        DiffOutput,
        LintOutput,
        ListOutput,
    )
}
