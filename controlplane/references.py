"""docs/openapi.json, generated from the routes; a test holds it against them.

`python -m controlplane.references` writes it below the current directory.
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory

from aicr import jsonio
from aicr.atomic import write_file
from controlplane.http.settings import Settings
from controlplane.program import Program

PATH = "docs/openapi.json"


def generated() -> str:
    """The OpenAPI document of the whole server."""
    with TemporaryDirectory() as home:
        program = Program(Settings(home=home))
        program.engine.store.close()
        return jsonio.pretty(program.described)


def main() -> int:
    write_file(PATH, generated().encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
