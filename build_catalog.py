"""Build hook: puts the compiled built-in catalog into the wheel.

An answer from an installed aicr then starts from JSON; nothing is parsed, compared or cached. An
editable install has none of this: a checkout compiles at first use, like any external catalog.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogHook(BuildHookInterface):  # type: ignore[type-arg]
    # What is staged is read when the wheel is written, and goes after that; or at the end of the
    # process, when the build fails.
    _staged: TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from aicr import catalog, sources  # noqa: PLC0415 (only importable from here on)

        files = sources.read_builtin()
        compiled = catalog.compile_layers([files])
        self._staged = TemporaryDirectory(prefix="aicr-catalog-")
        staged = Path(self._staged.name)
        parts = {
            name: json.dumps(compiled[part], separators=(",", ":"))
            for name, part in catalog.PARTS.items()
        }
        parts[catalog.DIGEST] = sources.digest(files, catalog.SALT)
        for name, text in parts.items():
            (staged / name).write_text(text, encoding="utf-8")
            build_data["force_include"][str(staged / name)] = f"aicr/_data/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._staged is not None:
            self._staged.cleanup()
