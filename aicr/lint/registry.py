"""The registry, and files of a catalog that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator

from aicr.diagnostics import ERROR, WARNING, Diagnostic
from aicr.lint.view import Linked
from aicr.sources import EXTERNAL


def registry(view: Linked) -> Iterator[Diagnostic]:
    owners: dict[str, str] = {}
    for doc in view.docs.registries:
        for i, component in enumerate(doc.value.get("components") or []):
            name, path = component["name"], ("components", i)
            if not component.get("displayName"):
                text = f"component {name!r} has no displayName"
                yield doc.diagnostic(path, WARNING, "registry", text)
            for key in component.get("valueOverrideKeys") or []:
                owner = owners.setdefault(key, name)
                taken = owner if owner != name else key if key in view.catalog["components"] else ""
                if taken and taken != name:
                    text = f"override key {key!r} already belongs to {taken}"
                    yield doc.diagnostic((*path, "valueOverrideKeys"), ERROR, "registry", text)


def foreign(view: Linked) -> Iterator[Diagnostic]:
    """YAML files of an external catalog that are of no kind we read."""
    for path in view.docs.others:
        inside = "components/" in path or "checks/" in path or path == "data-v1.yaml"
        if path.endswith((".yaml", ".yml")) and not inside and not path.startswith("templates/"):
            text = "neither RecipeMetadata nor RecipeMixin: nothing reads this file"
            yield Diagnostic(EXTERNAL + path, 0, 0, WARNING, "unused", text)
