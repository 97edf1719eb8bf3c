"""Compiled catalogs: cached by content, never stale, never fatal."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aicr import catalog as catalogs
from aicr import compile as compiler
from aicr.resolve import resolve
from tests.conftest import criteria_of

External = Callable[[dict[str, str]], str]
OVERLAY = "metadata: {name: x}\nspec: {criteria: {service: oke}}\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "cache"
    monkeypatch.setenv("AICR_CACHE_DIR", str(directory))
    return directory


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one entry per compilation."""
    count: list[int] = []
    original = compiler.compile_catalog

    def counted(*layers: object) -> dict[str, object]:
        count.append(len(layers))
        return original(*layers)  # type: ignore[arg-type]

    monkeypatch.setattr(compiler, "compile_catalog", counted)
    return count


def test_the_second_use_compiles_nothing(
    external: External, cache: Path, compilations: list[int]
) -> None:
    directory = external({"overlays/x.yaml": OVERLAY})
    first, second = catalogs.load(directory), catalogs.load(directory)
    assert len(compilations) == 1
    assert (first.digest, first.data) == (second.digest, second.data)
    assert first.origins == second.origins
    assert len(compilations) == 1


def test_a_changed_file_is_another_catalog(
    external: External, cache: Path, compilations: list[int]
) -> None:
    directory = external({"overlays/x.yaml": OVERLAY})
    before = catalogs.load(directory).digest
    external({"overlays/x.yaml": OVERLAY.replace("oke", "gke")})
    after = catalogs.load(directory)
    assert after.digest != before
    assert after.overlays["x"]["criteria"] == {"service": "gke"}
    assert len(compilations) == 2


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"format":0}', b'{"format":1,"crit'])
@pytest.mark.parametrize("name", [catalogs.CATALOG, catalogs.ORIGINS, catalogs.TEMPLATES])
def test_a_broken_cache_is_made_again(
    external: External, cache: Path, compilations: list[int], name: str, content: bytes
) -> None:
    directory = external({"overlays/x.yaml": OVERLAY})
    whole = catalogs.load(directory)
    (cache / f"{whole.digest}.{name}").write_bytes(content)
    again = catalogs.load(directory)
    parts = [(c.data, c.origins, c.templates) for c in (again, whole)]
    assert parts[0] == parts[1]
    assert len(compilations) == 2


def test_without_a_writable_cache_everything_still_works(
    external: External, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("not a directory")
    monkeypatch.setenv("AICR_CACHE_DIR", str(blocker / "cache"))
    catalog = catalogs.load(external({"overlays/x.yaml": OVERLAY}))
    assert resolve(catalog, criteria_of(catalog, service="oke")).applied[-1] == "x"


def test_the_cache_lies_where_the_platform_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AICR_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert catalogs.cache_dir() == "/x/aicr"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert catalogs.cache_dir() == "/h/.cache/aicr"


def test_nothing_half_written_is_left_in_the_cache(external: External, cache: Path) -> None:
    digest = catalogs.load(external({})).digest
    assert sorted(os.listdir(cache)) == [f"{digest}.{name}" for name in sorted(catalogs.PARTS)]
