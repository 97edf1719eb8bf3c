"""`aicr verify`: is a bundle what it was when it was made? (contract section 13)

Reads a directory, or an archive without extracting it. The world is closed: a file that
checksums.txt does not list is as wrong as one that is missing or changed.
"""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from aicr.bundle.checksums import NAME, escapes, listed
from aicr.errors import InvalidRequest, NotFound

LEVELS = ("unknown", "unverified", "attested", "verified")
MAX_BYTES = 256 * 1024 * 1024
MAX_FILES = 20_000
MAX_RATIO = 200
# What a bundle of the real AICR may hold beside the files its checksums list.
_ATTESTATION = "attestation/"


class Report(NamedTuple):
    """The outcome of a verification; `errors` is empty when everything is as it was."""

    level: str
    files: int
    errors: tuple[str, ...]
    # An attestation is there. We cannot check it (it needs Sigstore), so it earns no trust.
    attested: bool

    @property
    def passed(self) -> bool:
        return not self.errors

    def document(self) -> dict[str, Any]:
        """The JSON of `aicr verify --format json`."""
        body: dict[str, Any] = {
            "trustLevel": self.level,
            "checksumsPassed": self.passed,
            "checksumFiles": self.files,
            "bundleAttested": False,
            "binaryAttested": False,
            "identityPinned": False,
            "hasExternalData": False,
        }
        return {**body, "errors": list(self.errors)} if self.errors else body


def verify(target: str) -> Report:
    """Check a bundle directory, .zip or .tar.gz. Raises NotFound or InvalidRequest when there is
    none."""
    return check(*_read(target))


def check(contents: Mapping[str, bytes], problems: list[str]) -> Report:
    """Check contents by path; `problems` are what reading already found."""
    attested = any(path.startswith(_ATTESTATION) for path in contents)
    listing = contents.get(NAME)
    if listing is None:
        return Report(LEVELS[0], 0, (f"{NAME} not found", *problems), attested)
    expected, errors = listed(listing)
    if errors:  # a list that cannot be trusted says nothing about any file
        return Report(LEVELS[0], 0, tuple(errors), attested)
    for path, digest in expected.items():
        if path not in contents:
            errors.append(f"failed to read {path}: no such file")
        elif (got := sha256(contents[path]).hexdigest()) != digest:
            errors.append(f"checksum mismatch: {path} (expected {digest}, got {got})")
    # A component's own checksums are listed by the bundle's; only the top list stands for itself.
    extra = sorted(set(contents) - set(expected) - {NAME})
    errors += [f"not in {NAME}: {p}" for p in extra if not p.startswith(_ATTESTATION)]
    errors += problems
    level = LEVELS[0 if errors or attested else 1]
    return Report(level, 0 if errors else len(expected), tuple(errors), attested)


# --------------------------------------------------------------------------- reading


def _read(target: str) -> tuple[dict[str, bytes], list[str]]:
    if os.path.isdir(target):
        return _collect(_directory(target))
    if not os.path.exists(target):
        raise NotFound(f"bundle directory not found: {os.path.abspath(target)}")
    try:
        if zipfile.is_zipfile(target):
            return _collect(_zip(target))
        if tarfile.is_tarfile(target):
            return _collect(_tar(target))
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError, ValueError) as e:
        raise InvalidRequest(f"{target} cannot be read: {e}") from None
    raise InvalidRequest(f"{target} is neither a directory nor a .zip or .tar.gz archive")


def _collect(members: Iterator[tuple[str, bytes | None]]) -> tuple[dict[str, bytes], list[str]]:
    """Contents by path; None in place of contents stands for what is no regular file."""
    contents: dict[str, bytes] = {}
    problems: list[str] = []
    for path, data in members:
        if escapes(path):
            problems.append(f"path leaves the bundle: {path}")
        elif path in contents:
            problems.append(f"stands twice in the archive: {path}")
        elif data is None:
            problems.append(f"not a regular file: {path}")
        else:
            contents[path] = data
    return contents, problems


def _directory(root: str) -> Iterator[tuple[str, bytes | None]]:
    for directory, names, files in os.walk(root, onerror=_unreadable):
        names.sort()
        links = [name for name in names if os.path.islink(os.path.join(directory, name))]
        for name in sorted([*files, *links]):
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, root).replace(os.sep, "/")
            if not stat.S_ISREG(os.lstat(path).st_mode):
                yield relative, None
                continue
            with open(path, "rb") as f:
                yield relative, f.read()


def _unreadable(error: OSError) -> None:
    """What cannot be listed may hold anything: no verdict without it."""
    raise error


def _zip(path: str) -> Iterator[tuple[str, bytes | None]]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
        total = sum(info.file_size for info in members)
        packed = sum(info.compress_size for info in members) or 1
        if len(members) > MAX_FILES or total > MAX_BYTES or total / packed > MAX_RATIO:
            raise ValueError("it unpacks to more than any bundle")
        for info in members:
            mode = info.external_attr >> 16
            link = mode and not stat.S_ISREG(mode)
            yield info.filename, None if link else archive.read(info)


def _tar(path: str) -> Iterator[tuple[str, bytes | None]]:
    total = 0
    with tarfile.open(path) as archive:
        for count, member in enumerate(archive):
            total += member.size
            if count > MAX_FILES or total > MAX_BYTES:
                raise ValueError("it unpacks to more than any bundle")
            if member.isdir():
                continue
            content = archive.extractfile(member) if member.isreg() else None
            yield member.name, content.read() if content else None
