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
from collections.abc import Mapping
from typing import NamedTuple

from aicr.errors import InvalidRequest, NotFound

REGISTRY = "registry.yaml"
# The overlay that everything merges over: overlays/base.yaml, by whatever metadata.name.
ROOT = "base"
MAX_FILE_BYTES = 10 * 1024 * 1024
_BUILTIN_PARTS = (REGISTRY, "overlays", "templates")
_PACKAGE = os.path.dirname(os.path.abspath(__file__))
# Stands for the directory of an external catalog in stored labels and messages.
EXTERNAL = "<data>/"


class SourceFile(NamedTuple):
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


def read_code() -> dict[str, SourceFile]:
    """The modules of this package: part of what a checkout's compiled catalog depends on."""
    found: dict[str, SourceFile] = {}
    for name in sorted(os.listdir(_PACKAGE)):
        if name.endswith(".py"):
            _add(os.path.join(_PACKAGE, name), f"aicr/{name}", "", found)
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
    _collect(root, "", EXTERNAL, found)
    return found


def _collect(root: str, relative: str, prefix: str, found: dict[str, SourceFile]) -> None:
    """Adds the regular files at or below a path, in name order."""
    path = os.path.join(root, relative)
    if os.path.isfile(path):
        _add(path, relative, prefix, found)
        return
    below = relative and relative + "/"
    try:
        with os.scandir(path) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as e:
        raise InvalidRequest(f"cannot read {relative or root}: {e.strerror}") from None
    for entry in listed:
        name = below + entry.name
        if entry.name.startswith("."):
            continue
        if not _is_text(entry.name):
            raise InvalidRequest(f"file name is not UTF-8: {name!r}")
        if entry.is_symlink():
            raise InvalidRequest(f"symlinks not allowed: {name}")
        if entry.is_dir(follow_symlinks=False):
            _collect(root, name, prefix, found)
        elif entry.is_file(follow_symlinks=False):
            _add(entry.path, name, prefix, found)
        else:
            raise InvalidRequest(f"not a regular file: {name}")


def _add(path: str, name: str, prefix: str, found: dict[str, SourceFile]) -> None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError as e:
        raise InvalidRequest(f"cannot read {name}: {e.strerror}") from None
    try:
        size = os.fstat(handle).st_size
        if size > MAX_FILE_BYTES:
            raise InvalidRequest(f"file too large ({size} bytes, max {MAX_FILE_BYTES}): {name}")
        data = os.read(handle, size + 1)
    finally:
        os.close(handle)
    file = SourceFile(logical_path(name), prefix + name, data)
    twin = found.setdefault(file.path, file)
    if twin is not file:
        other = twin.label.removeprefix(prefix)
        raise InvalidRequest(f"{name} and {other} are both {file.path}: keep one")


def _is_text(name: str) -> bool:
    return name.isascii() or not any("\ud800" <= c <= "\udfff" for c in name)


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
