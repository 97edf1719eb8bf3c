"""Documents against their models: pydantic's findings, in our words and with file, line, column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError

from aicr.diagnostics import ERROR, WARNING, Diagnostic, did_you_mean
from aicr.documents import Parsed
from aicr.merge import DIRECTIVE


class Found(NamedTuple):
    """One thing that is wrong with a value, by its path in it."""

    path: tuple[int | str, ...]
    severity: str
    rule: str
    message: str
    hint: str = ""


def findings(doc: Parsed, model: type[BaseModel]) -> list[Diagnostic]:
    """What is wrong with a document, by its model; unknown keys are warnings, the rest errors."""
    try:
        model.model_validate(doc.value)
    except ValidationError as e:
        return [doc.diagnostic(*found) for found in explained(doc.value, model, e)]
    return []


def explained(value: Any, model: type[BaseModel], error: ValidationError) -> Iterator[Found]:
    """What pydantic says against a value, in our words."""
    seen = set()
    for e in error.errors():
        loc = tuple(_real_steps(value, e["loc"]))
        if (loc, e["type"]) in seen:
            continue  # one finding for each member of a union
        seen.add((loc, e["type"]))
        at = ".".join(str(step) for step in loc) or "the document"
        if e["type"] == "extra_forbidden" and loc[-1] == DIRECTIVE:
            text = f"{at}: what stands here cannot be deleted or replaced by a directive"
            yield Found(loc, ERROR, "directive", text)
        elif e["type"] == "extra_forbidden":
            hint = did_you_mean(str(loc[-1]), _known_keys(model))
            text = f"{at} has no effect: no such key"
            yield Found(loc, WARNING, "unknown-key", text, hint)
        else:
            yield Found(loc, ERROR, "invalid", f"{at}: {_plain_words(e)}", _hint(e))


def _real_steps(value: Any, loc: tuple[int | str, ...]) -> Iterator[int | str]:
    """A pydantic location without the names of union members, which are no keys."""
    for i, step in enumerate(loc):
        inside = isinstance(value, dict) and step in value
        inside = inside or (isinstance(value, list) and isinstance(step, int))
        if inside:
            value = value[step]
        elif not (isinstance(value, dict) and i == len(loc) - 1):  # a missing key stands last
            continue
        yield step


def _known_keys(model: type[BaseModel]) -> list[str]:
    """Every key at any level of the document: near enough to recognise a typing error."""
    names: set[str] = set()
    stack: list[type[BaseModel]] = [model]
    while stack:
        current = stack.pop()
        for name, info in current.model_fields.items():
            if (info.alias or name) in names:
                continue
            names.add(info.alias or name)
            stack += _models_in(info.annotation)
    return sorted(names)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


# How a type error is said, by pydantic's name for it.
_WORDS = {
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a map",
    "model_type": "must be a map",
    "missing": "is required",
}


def _plain_words(e: Any) -> str:
    if e["type"] == "missing":
        return _WORDS["missing"]
    text = _WORDS.get(e["type"]) or str(e["msg"]).removeprefix("Value error, ")
    given = e.get("input")
    shown = f", not {given!r}" if isinstance(given, (str, int, float, type(None))) else ""
    return f"{text[0].lower()}{text[1:]}{shown}"


def _hint(e: Any) -> str:
    number = isinstance(e.get("input"), (int, float))
    return "quote it" if e["type"] == "string_type" and number else ""
