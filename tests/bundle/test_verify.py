"""Verification: the world of a bundle is closed (contract section 13)."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from aicr.bundle import checksums, oci
from aicr.bundle.files import text
from aicr.bundle.verify import verify
from aicr.bundle.write import write, write_layout
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


class TestWhatOthersWouldRead:
    """A signature is worth nothing where another program reads something else than we do."""

    @pytest.fixture
    def signed_layout(self, tmp_path: Path) -> Path:
        write_layout(oci.layout(oci.artifact([*FILES, checksums.of(FILES)])), str(tmp_path / "l"))
        return tmp_path / "l"

    def test_a_layout_over_another_directory(self, signed_layout: Path) -> None:
        assert verify(str(signed_layout)).passed
        (signed_layout / "deploy.sh").write_text("echo pwned")
        assert "not of the artifact: deploy.sh" in verify(str(signed_layout)).errors

    @pytest.mark.parametrize(
        "index",
        ["[]", '{"manifests": []}', '{"manifests": [5]}', '{"manifests": [{"digest": 5}]}', "x",
         '{"manifests": [{}, {}]}', '{"manifests": [{"digest": "sha256:../../etc/passwd"}]}'],
    )  # fmt: skip
    def test_layouts_that_are_none(self, signed_layout: Path, index: str) -> None:
        (signed_layout / "index.json").write_text(index)
        with pytest.raises(InvalidRequest):
            verify(str(signed_layout))

    @pytest.mark.parametrize("suffix", [".zip", ".tar.gz"])
    def test_something_before_or_after_an_archive(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"b{suffix}"
        write([*FILES, checksums.of(FILES)], str(path))
        data = path.read_bytes()
        assert verify(str(path)).passed
        evil = io.BytesIO()
        with tarfile.open(fileobj=evil, mode="w:gz") as archive:
            archive.addfile(tarfile.TarInfo("deploy.sh"))
        for changed in (evil.getvalue() + data, data + evil.getvalue(), b"\0" + data):
            path.write_bytes(changed)
            with pytest.raises(InvalidRequest):
                verify(str(path))

    def test_directories_count(self, tmp_path: Path) -> None:
        path = tmp_path / "b.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            for name, mode in (("../up", 0o4777), ("/tmp/out", 0o777), ("empty", 0o755)):
                info = tarfile.TarInfo(name)
                info.type, info.mode = tarfile.DIRTYPE, mode
                archive.addfile(info)
        errors = set(verify(str(path)).errors)
        assert "path leaves the bundle: ../up" in errors
        assert "path leaves the bundle: /tmp/out" in errors
        assert "directory without files: empty" in errors

    def test_a_long_name_does_not_cost_memory(self, tmp_path: Path) -> None:
        header = tarfile.TarInfo("././@LongLink")
        header.type, header.size = tarfile.GNUTYPE_LONGNAME, 3 * 1024**3
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        with (tmp_path / "b.tar.gz").open("wb") as f:
            f.write(packer.compress(header.tobuf(tarfile.GNU_FORMAT)))
            for _ in range(300):
                f.write(packer.compress(bytes(1024 * 1024)))
            f.write(packer.flush())
        with pytest.raises(InvalidRequest, match="unpacks to more"):
            verify(str(tmp_path / "b.tar.gz"))

    def test_a_directory_without_end(self, bundle: Path) -> None:
        with (bundle / "big").open("wb") as f:
            f.truncate(20 * 1024**3)
        with pytest.raises(InvalidRequest, match="holds more than any bundle"):
            verify(str(bundle))

    def test_nobody_waits_for_a_pipe(self, bundle: Path, signed_layout: Path) -> None:
        os.mkfifo(bundle / "pipe")
        assert "not a regular file: pipe" in verify(str(bundle)).errors
        (signed_layout / "index.json").unlink()
        os.mkfifo(signed_layout / "index.json")
        with pytest.raises(InvalidRequest, match="is no regular file"):
            verify(str(signed_layout))

    def test_the_repository_of_a_checkout_is_not_of_the_bundle(self, bundle: Path) -> None:
        (bundle / ".git").mkdir()
        (bundle / ".git/HEAD").write_text("x")
        assert verify(str(bundle)).passed
        (bundle / "a/.git").mkdir()
        (bundle / "a/.git/HEAD").write_text("x")
        assert "not in checksums.txt: a/.git/HEAD" in verify(str(bundle)).errors

    def test_lists_that_say_nothing_or_twice(self, bundle: Path) -> None:
        listing = bundle / "checksums.txt"
        text_before = listing.read_text()
        listing.write_text("")
        assert verify(str(bundle)).errors == ("checksums.txt is empty",)
        listing.write_text(text_before * 2)
        assert "a/values.yaml stands twice in checksums.txt" in verify(str(bundle)).errors

    def test_a_script_is_no_attestation(self, bundle: Path) -> None:
        (bundle / "attestation").mkdir()
        (bundle / "attestation/x.sh").write_text("#!/bin/sh\n")
        assert "not in checksums.txt: attestation/x.sh" in verify(str(bundle)).errors
