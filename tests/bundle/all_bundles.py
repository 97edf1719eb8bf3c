"""Writes every recipe by every deployer, as a directory and as a zip, below the directory in argv,
and prints one digest of all names, modes and bytes (but not of an archive's own mode: that is its
user's umask, and not of the bundle). Run by test_reproducible.py."""

import sys
from hashlib import sha256
from itertools import product
from pathlib import Path

from aicr import catalog as catalogs
from aicr.bundle.deployers import DEPLOYERS
from aicr.bundle.write import write
from tests.bundle.test_bundle import of_family
from tests.test_resolve import NAMES


def main(root: Path) -> None:
    catalog = catalogs.load()
    digest, count = sha256(), 0
    for name, deployer in product(NAMES, DEPLOYERS):
        files = list(of_family(catalog, name, deployer=deployer).values())
        for target in (root / f"{name}-{deployer}", root / f"{name}-{deployer}.zip"):
            write(files, str(target))
            count += 1
    for path in sorted(root.rglob("*")):
        mode = "" if path.suffix == ".zip" else f"{path.stat().st_mode:o}"
        digest.update(f"{path.relative_to(root)} {mode}\n".encode())
        if path.is_file():
            digest.update(path.read_bytes())
    sys.stdout.write(f"{count} {digest.hexdigest()}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
