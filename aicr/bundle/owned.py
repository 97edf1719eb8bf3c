"""What in a directory is ours to replace: a bundle as it was made, and nothing else."""

from __future__ import annotations

import os
from hashlib import sha256

from aicr.bundle import checksums, provenance, signature
from aicr.bundle.files import REPOSITORY
from aicr.bundle.read import layout_parts


def foreign_in_bundle(target: str) -> str:
    """What a directory holds that no bundle brought, in words; '' when there is nothing.

    A bundle is what has provenance of ours and checksums that list it. A changed file is somebody's
    work, whoever made the file. The repository of a checkout is kept anyway.
    """
    found = _found(target)
    if not found:
        return ""
    expected: dict[str, str] = {}
    if {checksums.NAME, provenance.NAME} <= found and _made_here(target):
        expected, _ = checksums.listed(_read(target, checksums.NAME))
    own = {*expected, checksums.NAME, signature.NAME} if expected else set()
    strange = min(found - own, default="")
    if strange:
        return f"{strange}, which is of no bundle"
    for path, digest in expected.items():
        if path in found and sha256(_read(target, path)).hexdigest() != digest:
            return f"{path}, which was changed since the bundle was made"
    return ""


def foreign_in_layout(target: str) -> str:
    """What a directory holds that is of no layout of one bundle, in words; '' when nothing."""
    found = _found(target)
    if not found:
        return ""
    try:
        parts, _ = layout_parts(target)
    except (OSError, ValueError):
        return f"{min(found)}, which is of no bundle"
    strange = min(found - set(parts), default="")
    return f"{strange}, which is of no bundle" if strange else ""


def _made_here(target: str) -> bool:
    return provenance.BUILD_TYPE.encode() in _read(target, provenance.NAME)


def _read(target: str, path: str) -> bytes:
    with open(os.path.join(target, path), "rb") as f:
        return f.read()


def _found(target: str) -> set[str]:
    """Every file and link at or below a directory by its path from there, less the repository."""
    found = set()
    for directory, names, files in os.walk(target):
        if directory == target and REPOSITORY in names:
            names.remove(REPOSITORY)
        links = (n for n in names if os.path.islink(os.path.join(directory, n)))
        paths = (os.path.join(directory, name) for name in (*files, *links))
        found |= {os.path.relpath(path, target).replace(os.sep, "/") for path in paths}
    return found
