"""Which files a catalog is made of, and which are refused (contract section 6)."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aicr.errors import InvalidRequest, NotFound
from aicr.sources import MAX_FILE_BYTES, digest, logical_path, read_builtin, read_external

External = Callable[[dict[str, str]], str]


def test_a_missing_directory(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"external data directory not found: .*/nope \(--data\)"):
        read_external(str(tmp_path / "nope"))


def test_a_file_in_place_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "d").write_text("x")
    with pytest.raises(InvalidRequest, match="external data path is not a directory"):
        read_external(str(tmp_path / "d"))


def test_a_directory_without_registry(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(InvalidRequest, match=r"registry.yaml is required"):
        read_external(str(tmp_path))


def test_links_are_refused(external: External) -> None:
    directory = external({"overlays/a.yaml": ""})
    os.symlink("/etc/hostname", f"{directory}/overlays/l.yaml")
    with pytest.raises(InvalidRequest, match=r"symlinks not allowed: overlays/l.yaml"):
        read_external(directory)


def test_linked_directories_are_refused(external: External) -> None:
    directory = external({})
    os.symlink("/etc", f"{directory}/etc")
    with pytest.raises(InvalidRequest, match="symlinks not allowed: etc"):
        read_external(directory)


def test_special_files_are_refused(external: External) -> None:
    directory = external({})
    os.mkfifo(f"{directory}/pipe")
    with pytest.raises(InvalidRequest, match="not a regular file: pipe"):
        read_external(directory)


def test_names_that_are_no_text_are_refused(external: External) -> None:
    directory = external({"overlays/a.yaml": ""})
    with open(os.fsencode(directory) + b"/overlays/\xff.yaml", "wb"):
        pass
    with pytest.raises(InvalidRequest, match="file name is not UTF-8"):
        read_external(directory)


def test_large_files_are_refused(external: External) -> None:
    directory = external({})
    with open(f"{directory}/big.bin", "wb") as f:
        f.truncate(MAX_FILE_BYTES + 1)
    words = rf"file too large \({MAX_FILE_BYTES + 1} bytes, max {MAX_FILE_BYTES}\): big.bin"
    with pytest.raises(InvalidRequest, match=words):
        read_external(directory)


def test_the_same_file_in_both_layouts_is_refused(external: External) -> None:
    directory = external({"components/a/values.yaml": "", "overlays/components/a/values.yaml": ""})
    with pytest.raises(InvalidRequest, match=r"both components/a/values.yaml: keep one"):
        read_external(directory)


@pytest.mark.parametrize(
    ("path", "logical"),
    [
        ("overlays/eks.yaml", "overlays/eks.yaml"),
        ("overlays/components/a/values.yaml", "components/a/values.yaml"),
        ("templates/components/a/manifests/b.yaml", "components/a/manifests/b.yaml"),
        ("components/a/values.yaml", "components/a/values.yaml"),
    ],
)
def test_logical_paths(path: str, logical: str) -> None:
    assert logical_path(path) == logical


def test_the_digest_is_of_names_and_contents(external: External) -> None:
    a = read_external(external({"x.yaml": "1", "y.yaml": "2"}))
    assert digest(a, "s") == digest(dict(reversed(a.items())), "s")
    assert digest(a, "s") != digest(a, "t")
    assert digest(a, "s") != digest(read_external(external({"x.yaml": "2"})), "s")


def test_the_built_in_catalog_is_only_its_own_files() -> None:
    tops = {path.split("/")[0] for path in read_builtin()}
    assert tops == {"registry.yaml", "overlays", "components", "templates"}
