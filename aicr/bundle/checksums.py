"""checksums.txt: the SHA-256 of every file, for `sha256sum -c` and `aicr verify`."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from aicr.bundle.files import BundleFile, text

NAME = "checksums.txt"


def of(files: Iterable[BundleFile], directory: str = "") -> BundleFile:
    """The checksums of files below a directory (the whole bundle when empty), paths relative to
    it. Closed: whatever lies there is listed, except the checksums themselves."""
    prefix = f"{directory}/" if directory else ""
    lines = [f"{sha256(f.data).hexdigest()}  {f.path.removeprefix(prefix)}\n" for f in files]
    return text(prefix + NAME, "".join(lines))
