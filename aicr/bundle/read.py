"""Bundles from disk: directories, archives and OCI layouts, read without extracting anything.

A reader that others may differ from is a hole in every signature: what a file is follows from its
first bytes, there is nothing before or after the archive in it, and every entry counts.
"""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from aicr import jsonio
from aicr.bundle.checksums import escapes
from aicr.bundle.files import ARTIFACT, LAYOUT, PROGRAM_MODE, REPOSITORY, mode_of
from aicr.errors import InvalidRequest, NotFound

MAX_BYTES = 256 * 1024 * 1024
MAX_FILES = 20_000
MAX_RATIO = 200
MARKER, INDEX = "oci-layout", "index.json"
_SPECIAL = stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX
_TOO_LARGE = "it unpacks to more than any bundle"


class Member(NamedTuple):
    """One entry. `data` is None for what is no regular file; mode 0 is a mode that is not known."""

    path: str
    data: bytes | None
    mode: int
    directory: bool = False


class Contents(NamedTuple):
    """What a bundle holds: data by path, and what is wrong with how it is held."""

    files: dict[str, bytes]
    problems: list[str]


def read(target: str) -> Contents:
    """The contents of a bundle directory, .zip, .tar.gz or OCI layout.

    Raises NotFound when there is nothing, InvalidRequest when it cannot be read as a bundle.
    """
    target = target.removeprefix(LAYOUT)
    if not os.path.exists(target):
        raise NotFound(f"bundle directory not found: {os.path.abspath(target)}")
    try:
        if not os.path.isdir(target):
            return _archive(target)
        if os.path.lexists(os.path.join(target, MARKER)):
            return _layout(target)
        return _collect(_directory(target))
    except _UNREADABLE as e:
        raise InvalidRequest(f"{target} cannot be read: {e}") from None


_UNREADABLE = (OSError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, ValueError)


def _archive(path: str) -> Contents:
    data = _file(path)
    if data.startswith(b"PK\x03\x04"):
        return _collect(_zip(data))
    if data.startswith(b"\x1f\x8b"):
        return _collect(_tar(_unpacked(data)))
    raise InvalidRequest(f"{path} is neither a directory nor a .zip or .tar.gz archive")


def _collect(members: Iterator[Member]) -> Contents:
    files: dict[str, bytes] = {}
    directories: dict[str, int] = {}
    problems: list[str] = []
    for path, data, mode, directory in members:
        name = path.rstrip("/") if directory else path
        if escapes(name):
            problems.append(f"path leaves the bundle: {path}")
        elif name in files or name in directories:
            problems.append(f"stands twice in the archive: {path}")
        elif directory:
            directories[name] = mode
        elif data is None:
            problems.append(f"not a regular file: {path}")
        else:
            files[path] = data
            if mode and _odd(mode, data):
                problems.append(f"mode changed: {path} ({mode & 0o7777:04o})")
    return Contents(files, problems + list(_odd_directories(directories, files)))


def _odd(mode: int, data: bytes) -> bool:
    """Whether a mode is not what the content asks for. Only who may execute is compared: who may
    read is up to the umask of whoever unpacked the bundle."""
    program = mode_of(data) == PROGRAM_MODE
    return bool(mode & (_SPECIAL | stat.S_IWOTH)) or bool(mode & stat.S_IXUSR) != program


def _odd_directories(directories: dict[str, int], files: dict[str, bytes]) -> Iterator[str]:
    """Directories that no file needs, or that everybody may write to."""
    parts = (path.split("/")[:-1] for path in files)
    needed = {"/".join(p[: i + 1]) for p in parts for i in range(len(p))}
    for path, mode in sorted(directories.items()):
        if path not in needed:
            yield f"directory without files: {path}"
        elif mode & (stat.S_ISUID | stat.S_IWOTH):
            yield f"mode changed: {path} ({mode & 0o7777:04o})"


# --------------------------------------------------------------------------- directories


def _directory(root: str) -> Iterator[Member]:
    total = count = 0
    for directory, names, files in os.walk(root, onerror=_unreadable):
        if directory == root and REPOSITORY in names:
            names.remove(REPOSITORY)
        names.sort()
        for name in sorted([*files, *names]):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                yield Member(relative, None, status.st_mode, directory=True)
                continue
            if not stat.S_ISREG(status.st_mode):
                yield Member(relative, None, 0)
                continue
            total, count = total + status.st_size, count + 1
            if total > MAX_BYTES or count > MAX_FILES:
                raise ValueError("it holds more than any bundle")
            yield Member(relative, _file(path), status.st_mode)


def _unreadable(error: OSError) -> None:
    """What cannot be listed may hold anything: no verdict without it."""
    raise error


def _file(path: str) -> bytes:
    """A regular file, not larger than any bundle; nothing else is even waited for."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with open(handle, "rb") as f:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError(f"{path} is no regular file")
        data = f.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path} is larger than any bundle")
    return data


# --------------------------------------------------------------------------- archives


def _zip(data: bytes) -> Iterator[Member]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        total = sum(info.file_size for info in members)
        packed = sum(info.compress_size for info in members) or 1
        if len(members) > MAX_FILES or total > MAX_BYTES or total / packed > MAX_RATIO:
            raise ValueError(_TOO_LARGE)
        if archive.comment or data[-22:-18] != b"PK\x05\x06":
            raise ValueError("there is something after the archive")
        if members and min(info.header_offset for info in members) != 0:
            raise ValueError("there is something before the archive")
        for info in members:
            mode = info.external_attr >> 16
            if info.is_dir():
                yield Member(info.filename, None, mode, directory=True)
                continue
            link = mode and not stat.S_ISREG(mode)
            yield Member(info.filename, None if link else archive.read(info), mode)


def _unpacked(data: bytes) -> bytes:
    """What one gzip stream holds, not more than any bundle, with nothing after it."""
    packer = zlib.decompressobj(31)
    plain = packer.decompress(data, MAX_BYTES + 1)
    if len(plain) > MAX_BYTES:
        raise ValueError(_TOO_LARGE)
    if not packer.eof:
        raise ValueError("the archive is cut off")
    if packer.unused_data:
        raise ValueError("there is something after the archive")
    return plain


def _tar(data: bytes) -> Iterator[Member]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for count, member in enumerate(archive):
            if count > MAX_FILES or member.size > MAX_BYTES:
                raise ValueError(_TOO_LARGE)
            if member.isdir():
                yield Member(member.name, None, member.mode, directory=True)
                continue
            # Only plain files: sparse ones are regular too, and stand for data that is not there.
            plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
            content = archive.extractfile(member) if plain else None
            yield Member(member.name, content.read() if content else None, member.mode)


# --------------------------------------------------------------------------- OCI layouts


def layout_parts(layout: str) -> tuple[dict[str, bytes], str]:
    """The files that make up an artifact of ours in an OCI image layout, and the layer among them.

    Raises ValueError or OSError when it is no layout, or one with anything but one such artifact.
    """
    index = _file(os.path.join(layout, INDEX))
    manifests = _list(jsonio.parse(index, INDEX), "manifests", INDEX)
    if len(manifests) != 1:
        raise ValueError(f"{INDEX} has {len(manifests)} manifests instead of one")
    parts = {MARKER: _file(os.path.join(layout, MARKER)), INDEX: index}

    def blob(described: Any) -> str:
        digest = described.get("digest") if isinstance(described, dict) else None
        name = _blob_name(digest)
        parts[name] = _file(os.path.join(layout, name))
        if sha256(parts[name]).hexdigest() != name.rsplit("/", 1)[1]:
            raise ValueError(f"blob {digest} is not what its digest says")
        return name

    manifest = jsonio.parse(parts[blob(manifests[0])], "the manifest")
    layers = _list(manifest, "layers", "the manifest")
    if len(layers) != 1 or manifest.get("artifactType") != ARTIFACT:
        raise ValueError("the artifact is no bundle")
    blob(manifest.get("config"))
    return parts, blob(layers[0])


def _layout(layout: str) -> Contents:
    parts, layer = layout_parts(layout)
    found = [member.path for member in _directory(layout) if not member.directory]
    files, problems = _collect(_tar(_unpacked(parts[layer])))
    strange = (f"not of the artifact: {path}" for path in found if path not in parts)
    return Contents(files, [*problems, *strange])


def _list(value: Any, key: str, name: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise ValueError(f"{name} has no list of {key}")
    return found


def _blob_name(digest: Any) -> str:
    word = digest.removeprefix("sha256:") if isinstance(digest, str) else ""
    if len(word) != 64 or set(word) - set("0123456789abcdef"):
        raise ValueError(f"{digest!r} is no digest")
    return f"blobs/sha256/{word}"
