"""Which process renders the templates of a catalog: ours, or one with limits."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from aicr.catalog import Catalog
from aicr.render import Renderer


class Rendering(Protocol):
    """What turns templates into text."""

    def render(self, path: str, **names: Any) -> str: ...


@lru_cache(maxsize=8)
def renderer_of(catalog: Catalog) -> Rendering:
    """The renderer of a catalog; its templates are compiled once, however many bundles are made.

    Templates of an external catalog are somebody else's: they are rendered within limits.
    """
    if catalog.data_dir is None:
        return Renderer(catalog.templates, catalog.template_code)
    from aicr.bundle.confine import Confined

    return Confined(catalog.templates)
