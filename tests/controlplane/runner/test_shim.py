"""Logs as CRI keeps them, and what processes are called."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controlplane.runner import shim
from controlplane.runner.shim import LINE, Log, cut, holder, identity, put

LONG = b"x" * LINE


@pytest.mark.parametrize(
    ("data", "ended", "pieces", "rest"),
    [
        (b"", False, [], b""),
        (b"one\ntwo", False, [("F", b"one")], b"two"),
        (b"one\ntwo", True, [("F", b"one"), ("P", b"two")], b""),
        (b"\n\n", True, [("F", b""), ("F", b"")], b""),
        (LONG + b"\n", False, [("F", LONG)], b""),
        (LONG + b"y\n", False, [("P", LONG), ("F", b"y")], b""),
        (LONG + LONG + b"\n", False, [("P", LONG), ("F", LONG)], b""),
        (LONG + b"y", False, [("P", LONG)], b"y"),
    ],
)
def test_cutting(data: bytes, ended: bool, pieces: object, rest: bytes) -> None:
    assert cut(data, ended) == (pieces, rest)


@given(st.lists(st.binary(max_size=3 * LINE), max_size=5), st.data())
def test_nothing_is_lost_wherever_reads_end(lines: list[bytes], data: st.DataObject) -> None:
    text = b"\n".join(lines)
    rest, found = b"", b""
    while text:
        size = data.draw(st.integers(1, len(text)))
        pieces, rest = cut(rest + text[:size])
        text = text[size:]
        found += b"".join(p + (b"\n" if flag == "F" else b"") for flag, p in pieces)
    pieces, rest = cut(rest, ended=True)
    found += b"".join(p + (b"\n" if flag == "F" else b"") for flag, p in pieces)
    assert rest == b""
    assert found == b"\n".join(lines)


def test_lines_as_kubelet_reads_them(tmp_path: Path) -> None:
    Log(str(tmp_path)).write("stderr", [("P", b"a b"), ("F", b"c")])
    lines = (tmp_path / "log").read_text().splitlines()
    form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stderr [FP] .*")
    assert all(form.fullmatch(line) for line in lines)
    assert [line.split(" ", 2)[2] for line in lines] == ["P a b", "F c"]
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


def test_rotation_keeps_the_youngest(tmp_path: Path) -> None:
    log = Log(str(tmp_path), size=100, files=3)
    for n in range(20):
        log.write("stdout", [("F", b"%03d" % n)])
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["log", "log.1", "log.2"]
    texts = [(tmp_path / name).read_text().split() for name in ("log.2", "log.1", "log")]
    numbers = [int(word) for words in texts for word in words[3::4]]
    assert numbers == list(range(numbers[0], 20))
    assert all((tmp_path / name).stat().st_size <= 100 for name in names)
    again = Log(str(tmp_path), size=100, files=3)
    again.write("stdout", [("F", b"020")])
    assert (tmp_path / "log").stat().st_size <= 100, "what was there counts"


def test_a_full_disk_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(str(tmp_path))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shim.os, "write", full)
    log.write("stdout", [("F", b"lost")])
    monkeypatch.undo()
    log.write("stdout", [("F", b"kept")])
    assert (tmp_path / "log").read_text().split()[-1] == "kept"


def test_which_process_a_pid_is() -> None:
    assert identity(os.getpid()) == identity(os.getpid()) != identity(os.getppid())
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    ended.wait()
    assert identity(ended.pid) == ""


def test_who_holds_a_lock(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    assert holder(path) == 0, "there is no such file"
    hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", hold, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert holder(path) == process.pid
        with open(path, "a", encoding="ascii") as f, pytest.raises(BlockingIOError):
            fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.communicate(b"\n")
    assert holder(path) == 0


def test_files_are_put_whole_and_private(tmp_path: Path) -> None:
    put(str(tmp_path), "x.json", {"a": 1})
    put(str(tmp_path), "x.json", {"a": 2})
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    assert (tmp_path / "x.json").read_text() == '{"a": 2}'
    assert (tmp_path / "x.json").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileNotFoundError):
        put(str(tmp_path / "gone"), "x.json", {})
