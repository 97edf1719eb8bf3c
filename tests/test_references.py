"""Generated files are current, and the schemas accept what we write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from aicr import yamlio
from aicr.catalog import Catalog
from aicr.references import generated
from aicr.resolve import resolve
from tests.conftest import ROOT, families

FILES = generated()


@pytest.mark.parametrize("path", FILES)
def test_generated_files_are_current(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == FILES[path], "run `make generate`"


def test_nothing_else_lies_among_the_schemas() -> None:
    from controlplane.references import generated as others

    assert {f"schemas/{p.name}" for p in (ROOT / "schemas").iterdir()} == {
        path for path in {**FILES, **others()} if path.startswith("schemas/")
    }


def validator(kind: str) -> Any:
    schema = json.loads(FILES[f"schemas/{kind}.json"])
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def kind_of(path: Path) -> str:
    if path.name == "registry.yaml":
        return "ComponentRegistry"
    return "RecipeMixin" if path.parent.name == "mixins" else "RecipeMetadata"


SOURCES = [ROOT / "registry.yaml", *(ROOT / "overlays").glob("*.yaml")]
SOURCES += (ROOT / "overlays" / "mixins").glob("*.yaml")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_the_catalog_fits_the_schemas(path: Path) -> None:
    document = yamlio.parse(path.read_bytes(), path.name).value
    validator(kind_of(path)).validate(document)


def test_every_recipe_fits_its_schema(builtin: Catalog) -> None:
    check = validator("RecipeResult")
    for criteria in families(builtin).values():
        check.validate(resolve(builtin, criteria).document("v"))


def test_every_command_is_in_the_reference() -> None:
    from aicr.cli.main import COMMANDS

    text = FILES["docs/cli.md"]
    assert all(f"## aicr {name}\n" in text for name in COMMANDS)
