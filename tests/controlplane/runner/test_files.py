"""Directories of instances."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aicr.errors import InvalidRequest
from controlplane.runner import files


def test_names_of_directories() -> None:
    assert files.key("uid/0.0/digest") == "uid~0.0~digest"
    for wrong in ("", "a//b", "../../etc", "a/../..", "a b", "a~b", "/a", "a/", "..", "ü"):
        if wrong in ("../../etc", "a/../.."):
            assert "/" not in files.key(wrong)
            continue
        with pytest.raises(InvalidRequest):
            files.key(wrong)


def test_one_takes_the_place_of_another(tmp_path: Path) -> None:
    home = str(tmp_path)
    (tmp_path / files.INSTANCES).mkdir(parents=True)
    path = files.directory(home, "a/b/c")
    spec = {"logs": files.logs(home, "a/b/c")}
    files.make(path, {**spec, "n": 1}, {"K": "v"})
    files.make(path, {**spec, "n": 2}, {})
    assert files.all_of(home) == [path]
    assert files.read(path, "spec.json")["n"] == 2
    assert files.read(path, "secrets.json") is None
    assert os.path.isdir(spec["logs"])
    there = files.give_up(path)
    assert not os.path.exists(path)
    assert files.read(there, "spec.json")["n"] == 2
    assert files.all_of(home) == [], "what was given up is nothing"
    files.sweep(home)
    assert os.listdir(tmp_path / files.INSTANCES) == [], "and goes"
    assert files.give_up(path) == ""


def test_the_youngest_logs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOGS_KEPT", 2)
    for n, name in enumerate("abcd"):
        directory = tmp_path / files.LOGS / name
        directory.mkdir(parents=True)
        os.utime(directory, (n, n))
    files.prune_logs(str(tmp_path), {"a"})
    assert sorted(os.listdir(tmp_path / files.LOGS)) == ["a", "c", "d"]


def test_logs_of_a_resource(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert files.logged(home, "u") == ()
    for id_ in ("u/1/b", "u/0/a", "ux/0/a", "v/u/a"):
        os.makedirs(files.logs(home, id_))
    assert files.logged(home, "u") == ("u/0/a", "u/1/b")
