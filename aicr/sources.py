"""Where catalogs lie and which files belong to them. Reads bytes; parses nothing.

A catalog directory has one of two layouts, or a mix of both:

    ours                                     the real AICR's
    registry.yaml                            registry.yaml
    overlays/<name>.yaml                     overlays/<name>.yaml
    overlays/components/<c>/values*.yaml     components/<c>/values*.yaml
    templates/components/<c>/manifests/…     components/<c>/manifests/…

Recipes name values and manifests by the second form (`components/…`); that is the logical path.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aicr.errors import InvalidRequest, NotFound

REGISTRY = "registry.yaml"
MAX_FILE_BYTES = 10 * 1024 * 1024
_BUILTIN_PARTS = (REGISTRY, "overlays", "templates")
_PACKAGE = os.path.dirname(os.path.abspath(__file__))
# Marks a file of an external catalog in stored positions; shown as the directory that was given.
EXTERNAL = "data:"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a catalog: its logical path, the name messages show, and its bytes."""

    path: str
    label: str
    data: bytes


def packaged(name: str) -> bytes | None:
    """A data file that the wheel build put into the package (compiled catalogs), if there is one.

    The package's own loader reads it: importlib.resources costs 9 ms of imports for the same bytes.
    """
    try:
        return bytes(__spec__.loader.get_data(os.path.join(_PACKAGE, "_data", name)))  # type: ignore[union-attr]
    except OSError:
        return None


def builtin_root() -> str:
    """The directory with the built-in registry.yaml: inside the wheel, or the checkout's top."""
    from importlib.resources import files

    package = files("aicr")
    for place in (package.joinpath("_data"), package.joinpath("..")):
        if place.joinpath(REGISTRY).is_file():
            return os.path.normpath(str(place))
    raise NotFound("this installation of aicr has no registry.yaml; install it again")


def read_builtin() -> dict[str, SourceFile]:
    """Every file of the built-in catalog by logical path."""
    root = builtin_root()
    found: dict[str, SourceFile] = {}
    for part in _BUILTIN_PARTS:
        _collect(root, part, "", found)
    return found


def read_external(root: str) -> dict[str, SourceFile]:
    """Every file of an external catalog (`--data`) by logical path.

    Raises NotFound or InvalidRequest when the directory is no catalog, or holds links, special
    files or files over 10 MiB (contract section 6).
    """
    if not os.path.exists(root):
        raise NotFound(f"external data directory not found: {root} (--data)")
    if not os.path.isdir(root):
        raise InvalidRequest(f"external data path is not a directory: {root} (--data)")
    if not os.path.isfile(os.path.join(root, REGISTRY)):
        raise InvalidRequest(f"registry.yaml is required in external data directory: {root}")
    found: dict[str, SourceFile] = {}
    for name in sorted(os.listdir(root)):
        if not name.startswith("."):
            _collect(root, name, EXTERNAL, found)
    return found


def _collect(root: str, relative: str, prefix: str, found: dict[str, SourceFile]) -> None:
    for name in _walk(root, relative):
        with open(os.path.join(root, name), "rb") as f:
            file = SourceFile(logical_path(name), prefix + name, f.read())
        twin = found.setdefault(file.path, file)
        if twin is not file:
            raise InvalidRequest(
                f"{name} and {twin.label.removeprefix(prefix)} are both {file.path}: keep one"
            )


def _walk(root: str, relative: str) -> Iterator[str]:
    """Regular files at or below a path, as sorted /-separated paths relative to the root."""
    path = os.path.join(root, relative)
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        raise InvalidRequest(f"symlinks not allowed: {relative}")
    if stat.S_ISDIR(mode):
        for name in sorted(os.listdir(path)):
            if not name.startswith("."):
                yield from _walk(root, f"{relative}/{name}")
    elif not stat.S_ISREG(mode):
        raise InvalidRequest(f"not a regular file: {relative}")
    elif (size := os.lstat(path).st_size) > MAX_FILE_BYTES:
        raise InvalidRequest(f"file too large ({size} bytes, max {MAX_FILE_BYTES}): {relative}")
    else:
        yield relative


def logical_path(relative: str) -> str:
    """`overlays/components/x` and `templates/components/x` are `components/x`."""
    for layout in ("overlays/", "templates/"):
        if relative.startswith(layout + "components/"):
            return relative[len(layout) :]
    return relative


def digest(files: Mapping[str, SourceFile], salt: str) -> str:
    """SHA-256 over paths and contents; `salt` names the program and format version."""
    from hashlib import sha256

    total = sha256(salt.encode())
    for path in sorted(files):
        file = files[path]
        head = f"\n{path}\0{file.label}\0{len(file.data)}\0"
        total.update(head.encode("utf-8", "surrogateescape"))
        total.update(file.data)
    return total.hexdigest()
