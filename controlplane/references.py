"""Files that are generated from the server's code: docs/openapi.json and the schemas of manifests,
plans and states; a test holds them against it.

`python -m controlplane.references` writes them below the current directory.
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory

from aicr import jsonio
from aicr.atomic import write_file
from controlplane.families import KINDS
from controlplane.http.settings import Settings
from controlplane.program import Program
from controlplane.schemas import schemas

OPENAPI = "docs/openapi.json"


def generated() -> dict[str, str]:
    """Relative path -> content of every generated file."""
    made = schemas(KINDS)
    return {f"schemas/{name}.json": jsonio.pretty(made[name]) for name in made} | {
        OPENAPI: openapi()
    }


def openapi() -> str:
    """The OpenAPI document of the whole server."""
    with TemporaryDirectory() as home:
        program = Program(Settings(home=home))
        program.engine.store.close()
        return jsonio.pretty(program.described)


def main() -> int:
    for path, text in generated().items():
        write_file(path, text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
