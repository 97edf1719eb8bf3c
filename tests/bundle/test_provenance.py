"""Provenance: an in-toto statement about every file, with nothing of the machine in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from aicr import catalog as catalogs
from aicr import jsonio
from aicr.bundle import provenance
from aicr.bundle.files import BundleFile
from aicr.catalog import Catalog
from tests.bundle.test_bundle import bundle

RECIPE = {"componentRefs": [{"name": "cert-manager", "version": "v1.17.2"}]}


def statement(files: list[BundleFile]) -> Any:
    return jsonio.parse({f.path: f.data for f in files}[provenance.NAME], "p")


def test_the_subject_is_every_other_file(builtin: Catalog) -> None:
    files = bundle(builtin, RECIPE)
    stated = {s["name"]: s["digest"]["sha256"] for s in statement(files)["subject"]}
    others = [f for f in files if f.path not in (provenance.NAME, "checksums.txt")]
    assert stated == {f.path: sha256(f.data).hexdigest() for f in others}


def test_options_that_were_given_are_stated(builtin: Catalog) -> None:
    files = bundle(builtin, RECIPE, set=["certmanager:a.b=1"], nodes=3, deployer="argocd")
    definition = statement(files)["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["options"] == {
        "deployer": "argocd",
        "settings": ["--set certmanager:a.b=1"],
        "nodes": 3,
    }
    assert [d["name"] for d in definition["resolvedDependencies"]] == ["catalog"]
    assert not provenance.external(statement(files))


def test_an_external_catalog_is_stated_and_brought_along(
    builtin: Catalog, external: Callable[[dict[str, str]], str]
) -> None:
    directory = external({"overlays/x.yaml": "kind: RecipeMetadata\nmetadata: {name: x}\n"})
    files = bundle(catalogs.load(directory), RECIPE)
    assert provenance.external(statement(files))
    brought = {f.path: f.data for f in files if f.path.startswith("data/")}
    assert set(brought) >= {"data/registry.yaml", "data/overlays/x.yaml"}
    assert os.path.dirname(directory) not in str(files)
    names = [s["name"] for s in statement(files)["subject"]]
    assert set(brought) <= set(names)
