"""References to secrets: what they may be, and how their values are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from aicr.errors import InvalidRequest
from controlplane import secretrefs
from controlplane.secretrefs import MAX_BYTES, at, parse, read, replaced


def place(reference: str) -> str:
    return f"a.yaml:3:5 of {reference.partition(':')[0]}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("env:NAME_1", ("env", "NAME_1")),
        ("file:/a b/c", ("file", "/a b/c")),
        ("file:~/x:y", ("file", "~/x:y")),
        ("store:name.of-it", ("store", "name.of-it")),
        ("env:", None),
        ("env:1A", None),
        ("env:A B", None),
        ("env:A\n", None),
        ("file:", None),
        ("store:-x", None),
        ("ENV:A", None),
        ("hunter2", None),
        ("", None),
        (None, None),
        (7, None),
        (["env:A"], None),
    ],
)
def test_parse(text: object, found: object) -> None:
    assert parse(text) == found


def test_values_are_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOME", "one")
    path = tmp_path / "file"
    path.write_text("two\n\n")
    found = read(["env:SOME", f"file:{path}", "store:x", "env:SOME"], place)
    assert found == {"env:SOME": "one", f"file:{path}": "two\n"}


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read(["file:~/file"], place) == {"file:~/file": "x"}


def test_what_is_missing_says_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("EMPTY", "")
    for name in ("EMPTY", "MISSING"):
        with pytest.raises(InvalidRequest, match=f"a.yaml:3:5 of env: .*{name} is not set"):
            read([f"env:{name}"], place)
    with pytest.raises(InvalidRequest, match=r"a\.yaml:3:5 of file: .*No such file"):
        read([f"file:{tmp_path}/none"], place)


@pytest.mark.parametrize("data", [b"", b"\n", b"x" * (MAX_BYTES + 1), b"se\xffcret"])
def test_what_is_no_secret_is_not_shown(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InvalidRequest, match=r"empty, or more than|not UTF-8") as e:
        read([f"file:{path}"], place)
    assert "se" not in str(e.value).replace(str(path), "").replace("[INVALID_REQUEST]", "")


def test_paths() -> None:
    spec = {"a": {"b": {"c": 1}}, "d": 2}
    assert at(spec, "a.b.c") == 1
    assert at(spec, "a.x.c") is at(spec, "d.x") is None
    assert replaced(spec, "a.b.c", 9) == {"a": {"b": {"c": 9}}, "d": 2}
    assert spec["a"] == {"b": {"c": 1}}
    assert secretrefs.REFERENCE == "secret"
