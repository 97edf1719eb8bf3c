"""Verification: the world of a bundle is closed (contract section 13)."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aicr.bundle import checksums
from aicr.bundle.files import text
from aicr.bundle.verify import verify
from aicr.bundle.write import write
from aicr.errors import InvalidRequest, NotFound
from tests.conftest import Ran

FILES = (text("a/values.yaml", "x: 1\n"), text("deploy.sh", "#!/bin/sh\n"))
Aicr = Callable[..., Ran]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    write([*FILES, checksums.of(FILES)], str(tmp_path / "b"))
    return tmp_path / "b"


@pytest.mark.parametrize("suffix", ["", ".zip", ".tar.gz"])
def test_what_was_not_touched_passes(tmp_path: Path, suffix: str) -> None:
    target = str(tmp_path / f"out{suffix}")
    write([*FILES, checksums.of(FILES)], target)
    report = verify(target)
    assert (report.level, report.files, report.errors) == ("unverified", 2, ())


def _changed(b: Path) -> None:
    (b / "a/values.yaml").write_text("x: 2\n")


def _linked(b: Path) -> None:
    (b / "a/values.yaml").unlink()
    os.symlink("/etc/hostname", b / "a/values.yaml")


TAMPERED: dict[str, tuple[Callable[[Path], object], str]] = {
    "changed": (_changed, "checksum mismatch: a/values.yaml (expected "),
    "missing": (lambda b: (b / "a/values.yaml").unlink(), "failed to read a/values.yaml"),
    "additional": (lambda b: (b / "more.sh").write_text("x"), "not in checksums.txt: more.sh"),
    "program": (lambda b: (b / "a/values.yaml").chmod(0o755), "mode changed: a/values.yaml (0755)"),
    "no program": (lambda b: (b / "deploy.sh").chmod(0o644), "mode changed: deploy.sh (0644)"),
    "writable": (
        lambda b: (b / "a/values.yaml").chmod(0o666),
        "mode changed: a/values.yaml (0666)",
    ),
    "set-uid": (lambda b: (b / "deploy.sh").chmod(0o4755), "mode changed: deploy.sh (4755)"),
    "linked": (_linked, "not a regular file: a/values.yaml"),
    "directory linked": (lambda b: os.symlink("/etc", b / "etc"), "not a regular file: etc"),
    "no list": (lambda b: (b / "checksums.txt").unlink(), "checksums.txt not found"),
    "garbage": (lambda b: (b / "checksums.txt").write_text("zzz\n"), "invalid checksum line: zzz"),
    "traversal": (
        lambda b: (b / "checksums.txt").write_text(f"{'0' * 64}  ../../etc/passwd\n"),
        "path traversal detected in checksum entry: ../../etc/passwd",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_touched_fails(bundle: Path, aicr: Aicr, name: str) -> None:
    tamper, words = TAMPERED[name]
    tamper(bundle)
    report = verify(str(bundle))
    assert report.level == "unknown"
    assert any(words in error for error in report.errors), report.errors
    ran = aicr("verify", str(bundle), "--format", "json")
    assert (ran.code, ran.json["checksumsPassed"]) == (4, False)


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "a\\b", "a//b"])
def test_archive_members_that_leave_the_root(tmp_path: Path, name: str) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "x")
        archive.writestr("checksums.txt", "")
    assert f"path leaves the bundle: {name}" in verify(str(path)).errors
    assert not list(tmp_path.parent.glob("evil"))


def test_links_and_doubles_in_archives(tmp_path: Path) -> None:
    path = tmp_path / "x.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for _ in range(2):
            info = tarfile.TarInfo("checksums.txt")
            archive.addfile(info, io.BytesIO())
    errors = verify(str(path)).errors
    assert {"not a regular file: link", "stands twice in the archive: checksums.txt"} <= set(errors)


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    with pytest.raises(InvalidRequest, match="unpacks to more"):
        verify(str(path))


def test_what_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello")
    with pytest.raises(NotFound, match="bundle directory not found"):
        verify(str(tmp_path / "nope"))
    with pytest.raises(InvalidRequest, match="neither a directory nor"):
        verify(str(tmp_path / "x"))


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 0, "PASSED"),
        (["--min-trust-level", "unknown"], 0, "PASSED"),
        (
            ["--min-trust-level", "attested"],
            2,
            'trust level "unverified" does not meet minimum "attested"',
        ),
        (["--min-trust-level", "gold"], 2, 'invalid trust level "gold"'),
        (["--require-creator", "x@y.z"], 2, 'bundle creator "" does not match required "x@y.z"'),
        (["--cli-version-constraint", "1.0"], 2, "tool version not available"),
        (["--certificate-identity-regexp", ".*"], 2, "to pin to the NVIDIA repository"),
        (["--format", "xml"], 2, "invalid --format: must be text or json"),
    ],
)
def test_policies(bundle: Path, aicr: Aicr, arguments: list[str], code: int, words: str) -> None:
    ran = aicr("verify", str(bundle), *arguments)
    assert ran.code == code
    assert words in ran.out + ran.err


def test_an_attestation_that_nobody_checked_earns_no_trust(bundle: Path, aicr: Aicr) -> None:
    (bundle / "attestation").mkdir()
    (bundle / "attestation/bundle-attestation.sigstore.json").write_text("{}")
    ran = aicr("verify", str(bundle))
    assert (ran.code, 'trust level "unknown" does not meet maximum' in ran.err) == (2, True)
