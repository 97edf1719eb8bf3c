"""Bundles to disk: a directory or a deterministic archive; the old one or the new, never a mix."""

from __future__ import annotations

import fcntl
import io
import os
import re
import shutil
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import mkdtemp
from threading import Thread

from aicr.atomic import write_file
from aicr.bundle import checksums, signature
from aicr.bundle.files import DIRECTORY_MODE, BundleFile
from aicr.errors import InvalidRequest

ZIP, TAR = ".zip", (".tar.gz", ".tgz")
# Every archive entry has the time that zip can first express: outputs do not know the clock.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write(files: Sequence[BundleFile], target: str, *, force: bool = False) -> None:
    """Write a bundle to `target`: an archive when it ends in .zip or .tar.gz, else a directory.

    Raises InvalidRequest when the directory holds something that is no bundle, unless `force`.
    """
    if target.endswith(ZIP):
        write_file(target, zip_bytes(files))
    elif target.endswith(TAR):
        write_file(target, tar_bytes(files))
    else:
        _write_directory(files, target, "" if force else _foreign(_at(target)))


def write_layout(files: Sequence[BundleFile], target: str, *, force: bool = False) -> None:
    """Write an OCI image layout to a directory. Raises InvalidRequest as `write` does."""
    _write_directory(files, target, "" if force else _foreign_in_layout(_at(target)))


def zip_bytes(files: Sequence[BundleFile]) -> bytes:
    """A zip archive: sorted, with directory entries, fixed times and Unix modes."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, file in _entries(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, so that modes count
            mode = DIRECTORY_MODE | 0o40000 if file is None else file.mode | 0o100000
            info.external_attr = mode << 16 | (0x10 if file is None else 0)
            info.compress_type = zipfile.ZIP_STORED if file is None else zipfile.ZIP_DEFLATED
            archive.writestr(info, b"" if file is None else file.data)
    return buffer.getvalue()


def tar_bytes(files: Sequence[BundleFile]) -> bytes:
    """A gzipped tar archive: sorted, fixed times, owners and modes."""
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, file in _entries(files):
            info = tarfile.TarInfo(name.rstrip("/"))
            if file is None:
                info.type, info.mode = tarfile.DIRTYPE, DIRECTORY_MODE
                archive.addfile(info)
            else:
                info.size, info.mode = len(file.data), file.mode
                archive.addfile(info, io.BytesIO(file.data))
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: a gzip header without name and time
    return packer.compress(buffer.getvalue()) + packer.flush()


def _entries(files: Sequence[BundleFile]) -> list[tuple[str, BundleFile | None]]:
    """Files and the directories above them (with a trailing slash), sorted by name."""
    entries: dict[str, BundleFile | None] = {}
    for file in files:
        parts = file.path.split("/")[:-1]
        entries |= {"/".join(parts[: i + 1]) + "/": None for i in range(len(parts))}
        entries[file.path] = file
    return sorted(entries.items())


def _at(target: str) -> str:
    """The directory to write. Raises InvalidRequest when something else is there."""
    target = os.path.abspath(target)
    if os.path.islink(target) or (os.path.exists(target) and not os.path.isdir(target)):
        raise InvalidRequest(f"{target} is no directory (--output)")
    return target


def _write_directory(files: Sequence[BundleFile], target: str, foreign: str) -> None:
    """Stage beside the target and swap; `foreign` is a file there that must not be lost."""
    target = _at(target)
    if foreign:
        raise InvalidRequest(
            f"{target} holds {foreign}, which is of no bundle: name another directory "
            "(--output), or replace this one with all it holds (--force)"
        )
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with _staging(target) as staged:
            _fill(files, staged)
            _swap(staged, target)
    except OSError as e:
        raise InvalidRequest(f"cannot write {target}: {e.strerror} (--output)") from None


@contextmanager
def _staging(target: str) -> Iterator[str]:
    """A directory beside the target that is gone afterwards. What a killed process left of its own
    goes too: whoever is still alive holds a lock on the directory that stages."""
    prefix = f".{os.path.basename(target)}.aicr-"
    parent = os.path.dirname(target)
    for name in os.listdir(parent):
        if name.startswith(prefix):
            left = os.path.join(parent, name)
            with suppress(OSError), _locked(left):
                shutil.rmtree(left)
    staging = mkdtemp(dir=parent, prefix=prefix)
    try:
        with _locked(staging):
            yield os.path.join(staging, "new")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    """Raises BlockingIOError when another process has the lock, which ends with its holder."""
    handle = os.open(directory, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _foreign(target: str) -> str:
    """A file of a directory that its checksums do not list, so that no bundle brought it; or ''."""
    found = _found(target)
    ours: dict[str, str] = {}
    if checksums.NAME in found:
        with open(os.path.join(target, checksums.NAME), "rb") as f:
            ours, _ = checksums.listed(f.read())
    own = {*ours, checksums.NAME, signature.NAME} if ours else set()
    return min(found - own, default="")


def _foreign_in_layout(target: str) -> str:
    """A file of a directory that belongs to no OCI image layout, or ''."""
    found = _found(target)
    if "oci-layout" in found:
        found -= {"oci-layout", "index.json"}
        found = {path for path in found if not _BLOB.match(path)}
    return min(found, default="")


_BLOB = re.compile(r"blobs/sha256/[0-9a-f]{64}\Z")


def _found(target: str) -> set[str]:
    """Every file and link at or below a directory, by its path from there."""
    return {
        os.path.relpath(os.path.join(directory, name), target).replace(os.sep, "/")
        for directory, names, files in os.walk(target)
        for name in (*files, *(n for n in names if os.path.islink(os.path.join(directory, n))))
    }


def _fill(files: Sequence[BundleFile], staged: str) -> None:
    """Write everything, then wait until all of it is on disk."""
    os.mkdir(staged)
    written = [staged]
    for name, file in _entries(files):
        path = os.path.join(staged, name)
        written.append(path)
        if file is None:
            os.mkdir(path)
            os.chmod(path, DIRECTORY_MODE)
            continue
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(path, flags, 0o600), "wb") as f:
            f.write(file.data)
            os.fchmod(f.fileno(), file.mode)
    os.chmod(staged, DIRECTORY_MODE)
    _sync(written)


_SYNCS = 8


def _sync(paths: Sequence[str]) -> None:
    """Wait until files and directories are on disk, several at a time: a file system that is asked
    for many writes them together."""
    errors: list[OSError] = []

    def some(start: int) -> None:
        try:
            for path in paths[start::_SYNCS]:
                _sync_one(path)
        except OSError as e:
            errors.append(e)

    threads = [Thread(target=some, args=(start,)) for start in range(min(_SYNCS, len(paths)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _sync_one(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _swap(staged: str, target: str) -> None:
    """Put the staged directory in place of the target, whose old content is then `staged`.

    Linux exchanges two directories at once. Elsewhere the old one steps aside first, and a crash
    between the two renames leaves it under the name `<target>.aicr-old`, whole.
    """
    old = f"{target}.aicr-old"
    if os.path.isdir(old) and not os.path.exists(target):
        os.rename(old, target)
    if not os.path.isdir(target):
        os.rename(staged, target)
    elif not _exchange(staged, target):
        os.rename(target, old)
        os.rename(staged, target)
    _sync_one(os.path.dirname(target))
    shutil.rmtree(old, ignore_errors=True)


_RENAME_EXCHANGE = 2
_AT_FDCWD = -100


def _exchange(one: str, other: str) -> bool:
    """Exchange two directories in one step; False where the system cannot."""
    import ctypes

    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None)
    if renameat2 is None:
        return False
    paths = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    return bool(renameat2(*paths, _RENAME_EXCHANGE) == 0)
