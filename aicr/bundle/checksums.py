"""checksums.txt: the SHA-256 of every file, for `sha256sum -c` and `aicr verify`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from aicr.bundle.files import BundleFile, text

NAME = "checksums.txt"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)\Z")


def of(files: Iterable[BundleFile], directory: str = "") -> BundleFile:
    """The checksums of files below a directory (the whole bundle when empty), paths relative to
    it. Closed: whatever lies there is listed, except the checksums themselves."""
    prefix = f"{directory}/" if directory else ""
    lines = [f"{sha256(f.data).hexdigest()}  {f.path.removeprefix(prefix)}\n" for f in files]
    return text(prefix + NAME, "".join(lines))


def listed(listing: bytes) -> tuple[dict[str, str], list[str]]:
    """Digest by path of a checksums file, and what is wrong with the file itself."""
    expected: dict[str, str] = {}
    errors = []
    for line in listing.decode("utf-8", "replace").splitlines():
        match = _LINE.match(line)
        if not match:
            errors.append(f"invalid checksum line: {line}")
        elif escapes(match[2]):
            errors.append(f"path traversal detected in checksum entry: {match[2]}")
        elif match[2] in expected:
            errors.append(f"{match[2]} stands twice in {NAME}")
        else:
            expected[match[2]] = match[1]
    if not expected and not errors:
        errors.append(f"{NAME} is empty")
    return expected, errors


def escapes(path: str) -> bool:
    """Whether a path may lead out of the bundle."""
    parts = path.split("/")
    return path.startswith("/") or ".." in parts or "\\" in path or "" in parts
