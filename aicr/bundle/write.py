"""Bundles to disk: a directory or a deterministic archive; the old one or the new, never a mix."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import mkdtemp
from threading import Thread

from aicr.atomic import write_file
from aicr.bundle.archive import TAR, ZIP, entries, tar_bytes, zip_bytes
from aicr.bundle.files import DIRECTORY_MODE, REPOSITORY, BundleFile
from aicr.bundle.owned import foreign_in_bundle, foreign_in_layout
from aicr.errors import InvalidRequest


def write(files: Sequence[BundleFile], target: str, *, force: bool = False) -> None:
    """Write a bundle to `target`: an archive when it ends in .zip or .tar.gz, else a directory.

    Raises InvalidRequest when the directory holds something that no bundle brought, unless `force`.
    """
    if target.endswith(ZIP):
        write_file(target, zip_bytes(files))
    elif target.endswith(TAR):
        write_file(target, tar_bytes(files))
    else:
        _write_directory(files, target, None if force else foreign_in_bundle)


def write_layout(files: Sequence[BundleFile], target: str, *, force: bool = False) -> None:
    """Write an OCI image layout to a directory. Raises InvalidRequest as `write` does."""
    _write_directory(files, target, None if force else foreign_in_layout)


# --------------------------------------------------------------------------- directories


def _directory_at(target: str) -> str:
    """The directory to write, absolute. Raises InvalidRequest when something else is there."""
    at = os.path.abspath(target)
    if os.path.islink(at):
        raise InvalidRequest(f"{target} is a link; name the directory it stands for (--output)")
    if os.path.exists(at) and not os.path.isdir(at):
        raise InvalidRequest(f"{target} is no directory (--output)")
    return at


def _write_directory(
    files: Sequence[BundleFile], target: str, foreign: Callable[[str], str] | None
) -> None:
    """Stage beside the target and swap, unless `foreign` finds something there to keep."""
    target = _directory_at(target)
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with _staging(target) as staging:
            staged = os.path.join(staging, "new")
            _fill(files, staged)
            # Looked at and replaced under one lock: nobody else replaces it in between.
            with _locked(os.path.dirname(target)):
                _refuse(target, foreign(target) if foreign else "")
                _swap(staged, target)
    except OSError as e:
        raise InvalidRequest(f"cannot write {target}: {e.strerror} (--output)") from None


def _refuse(target: str, foreign: str) -> None:
    if foreign:
        raise InvalidRequest(
            f"{target} holds {foreign}: name another directory (--output), "
            "or replace this one with all it holds (--force)"
        )


@contextmanager
def _staging(target: str) -> Iterator[str]:
    """A directory beside the target that is gone afterwards. What a killed process left of its own
    goes too: whoever is still alive holds a lock on the directory that stages."""
    parent = os.path.dirname(target)
    prefix = f".{os.path.basename(target)}.aicr-"
    with _locked(parent):  # no directory of anybody's is without its lock meanwhile
        for name in os.listdir(parent):
            with suppress(OSError):  # its own process is removing it
                _clear(os.path.join(parent, name), prefix)
        staging = mkdtemp(dir=parent, prefix=prefix)
        handle = _lock(staging)
    try:
        yield staging
    finally:
        if not os.path.lexists(os.path.join(staging, "new", REPOSITORY)):
            shutil.rmtree(staging, ignore_errors=True)
        os.close(handle)


_RANDOM = re.compile(r"[a-z0-9_]{8}\Z")  # what mkdtemp appends


def _clear(path: str, prefix: str) -> None:
    """Remove a staging directory whose process is gone; never one that took a repository along."""
    name = os.path.basename(path)
    if not (name.startswith(prefix) and _RANDOM.match(name[len(prefix) :])):
        return
    if not os.path.isdir(path) or not set(os.listdir(path)) <= {"new", "old"}:
        return
    if any(os.path.lexists(os.path.join(path, d, REPOSITORY)) for d in ("new", "old")):
        return
    try:
        handle = _lock(path, fcntl.LOCK_NB)
    except BlockingIOError:
        return
    shutil.rmtree(path, ignore_errors=True)
    os.close(handle)


def _lock(directory: str, how: int = 0) -> int:
    """A handle that holds the lock of a directory until it is closed, or its process ends."""
    handle = os.open(directory, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how)
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    handle = _lock(directory)
    try:
        yield
    finally:
        os.close(handle)


def _fill(files: Sequence[BundleFile], staged: str) -> None:
    """Write everything, then wait until all of it is on disk."""
    os.mkdir(staged)
    written = [staged]
    for name, file in entries(files):
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


# --------------------------------------------------------------------------- swapping


def _swap(staged: str, target: str) -> None:
    """Put the staged directory in place of the target, which keeps its mode and its repository."""
    if not os.path.isdir(target):
        os.rename(staged, target)
    elif os.path.samefile(target, os.curdir):
        _swapentries(staged, target)
    else:
        os.chmod(staged, stat.S_IMODE(os.stat(target).st_mode))
        if os.path.lexists(os.path.join(target, REPOSITORY)):
            os.rename(os.path.join(target, REPOSITORY), os.path.join(staged, REPOSITORY))
        if not _exchange(staged, target):
            os.rename(target, os.path.join(os.path.dirname(staged), "old"))
            os.rename(staged, target)
    _sync_one(os.path.dirname(target))


def _swapentries(staged: str, target: str) -> None:
    """The same for the working directory, which would no longer be one if it were exchanged. What
    is there when this is killed does not verify: the checksums come last."""
    old = os.path.join(os.path.dirname(staged), "old")
    os.mkdir(old)
    for name in sorted(set(os.listdir(target)) - {REPOSITORY}):
        os.rename(os.path.join(target, name), os.path.join(old, name))
    for name in sorted(os.listdir(staged), key=lambda name: (name.startswith("checksums"), name)):
        os.rename(os.path.join(staged, name), os.path.join(target, name))
    _sync_one(target)


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
