"""Bundles from disk: directories, archives and OCI layouts, read without extracting anything."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from aicr import jsonio
from aicr.bundle.checksums import escapes
from aicr.bundle.files import PROGRAM_MODE, mode_of
from aicr.errors import InvalidRequest, NotFound

MAX_BYTES = 256 * 1024 * 1024
MAX_FILES = 20_000
MAX_RATIO = 200
_DANGEROUS = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX | stat.S_IWOTH


class Member(NamedTuple):
    """One entry. `data` is None for what is no regular file; mode 0 is a mode that is not known."""

    path: str
    data: bytes | None
    mode: int


class Contents(NamedTuple):
    """What a bundle holds: data by path, and what is wrong with how it is held."""

    files: dict[str, bytes]
    problems: list[str]


def read(target: str) -> Contents:
    """The contents of a bundle directory, .zip, .tar.gz or OCI layout.

    Raises NotFound when there is nothing, InvalidRequest when it cannot be read as a bundle.
    """
    if not os.path.exists(target):
        raise NotFound(f"bundle directory not found: {os.path.abspath(target)}")
    try:
        if os.path.isfile(os.path.join(target, "oci-layout")):
            return _collect(_tar(io.BytesIO(_layer(target))))
        if os.path.isdir(target):
            return _collect(_directory(target))
        if zipfile.is_zipfile(target):
            return _collect(_zip(target))
        if tarfile.is_tarfile(target):
            with open(target, "rb") as f:
                return _collect(_tar(f))
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError, LookupError, ValueError) as e:
        raise InvalidRequest(f"{target} cannot be read: {e}") from None
    raise InvalidRequest(f"{target} is neither a directory nor a .zip or .tar.gz archive")


def _collect(members: Iterator[Member]) -> Contents:
    files: dict[str, bytes] = {}
    problems: list[str] = []
    for path, data, mode in members:
        if escapes(path):
            problems.append(f"path leaves the bundle: {path}")
        elif path in files:
            problems.append(f"stands twice in the archive: {path}")
        elif data is None:
            problems.append(f"not a regular file: {path}")
        else:
            files[path] = data
            if mode and _odd(mode, data):
                problems.append(f"mode changed: {path} ({mode & 0o7777:04o})")
    return Contents(files, problems)


def _odd(mode: int, data: bytes) -> bool:
    """Whether a mode is not what the content asks for. Only who may execute is compared: who may
    read is up to the umask of whoever unpacked the bundle."""
    program = mode_of(data) == PROGRAM_MODE
    return bool(mode & _DANGEROUS) or bool(mode & stat.S_IXUSR) != program


def _directory(root: str) -> Iterator[Member]:
    for directory, names, files in os.walk(root, onerror=_unreadable):
        names.sort()
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        for name in sorted([*files, *links]):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            mode = os.lstat(path).st_mode
            if not stat.S_ISREG(mode):
                yield Member(relative, None, 0)
                continue
            with open(path, "rb") as f:
                yield Member(relative, f.read(), mode)


def _unreadable(error: OSError) -> None:
    """What cannot be listed may hold anything: no verdict without it."""
    raise error


def _zip(path: str) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        total = sum(info.file_size for info in members)
        packed = sum(info.compress_size for info in members) or 1
        if len(members) > MAX_FILES or total > MAX_BYTES or total / packed > MAX_RATIO:
            raise ValueError("it unpacks to more than any bundle")
        for info in members:
            mode = info.external_attr >> 16
            link = mode and not stat.S_ISREG(mode)
            yield Member(info.filename, None if link else archive.read(info), mode)


def _tar(file: Any) -> Iterator[Member]:
    total = 0
    with tarfile.open(fileobj=file) as archive:
        for count, member in enumerate(archive):
            total += member.size
            if count > MAX_FILES or total > MAX_BYTES:
                raise ValueError("it unpacks to more than any bundle")
            if member.isdir():
                continue
            content = archive.extractfile(member) if member.isreg() else None
            yield Member(member.name, content.read() if content else None, member.mode)


def _layer(layout: str) -> bytes:
    """The one layer of an OCI image layout; every blob on the way must have its digest."""
    index = jsonio.parse(_file(layout, "index.json"), "index.json")
    manifest = jsonio.parse(_blob(layout, index["manifests"][0]["digest"]), "manifest")
    return _blob(layout, manifest["layers"][0]["digest"])


def _blob(layout: str, digest: str) -> bytes:
    from hashlib import sha256

    name = digest.removeprefix("sha256:")
    if len(name) != 64 or not name.isalnum():
        raise ValueError(f"{digest} is no digest")
    data = _file(layout, f"blobs/sha256/{name}")
    if sha256(data).hexdigest() != name:
        raise ValueError(f"blob {digest} is not what its digest says")
    return data


def _file(layout: str, name: str) -> bytes:
    with open(os.path.join(layout, name), "rb") as f:
        data = f.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{name} is larger than any bundle")
    return data
