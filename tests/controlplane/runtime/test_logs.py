"""Reading logs as CRI keeps them, also while they are written and rotated."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from pathlib import Path

import pytest

from controlplane.runner.shim import LINE, Log
from controlplane.runtime import logs
from controlplane.runtime.logs import Tail, last, lines
from controlplane.runtime.protocol import Line


def write(log: Log, *texts: str, stream: str = "stdout", flag: str = "F") -> None:
    log.write(stream, [(flag, text.encode()) for text in texts])


def texts(found: object) -> list[str]:
    return [line.text for line in found]  # type: ignore[attr-defined]


def test_partial_lines_are_joined_by_stream(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    write(log, "one ", flag="P")
    write(log, "error", stream="stderr")
    write(log, "line")
    write(log, "the end", flag="P")
    found = list(lines(str(tmp_path)))
    assert [(line.stream, line.text) for line in found] == [
        ("stderr", "error"),
        ("stdout", "one line"),
        ("stdout", "the end"),
    ]


def test_a_line_without_an_end_is_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LONGEST", 4)
    log = Log(str(tmp_path))
    write(log, "a", "b", "c", "d", "e", flag="P")
    write(log, "f")
    write(log, "1234", flag="P")
    write(log, "")
    write(log, "longer than that, at once")
    write(log, "12", flag="P")
    write(log, "345")
    found = texts(lines(str(tmp_path)))
    assert found == ["abcd", "ef", "1234", "longer than that, at once", "12", "345"]
    tail = Tail(str(tmp_path))
    assert texts(tail.read()) == found
    tail.close()


def test_a_character_that_was_cut_is_whole_again(tmp_path: Path) -> None:
    log = Log(str(tmp_path))
    log.write("stdout", [("P", "é".encode()[:1]), ("F", "é".encode()[1:])])
    assert texts(lines(str(tmp_path))) == ["é"]


def test_joining_costs_as_much_as_there_is(tmp_path: Path) -> None:
    """Each byte is copied once or twice, not with every part that follows."""
    log, part = Log(str(tmp_path)), b"x" * LINE
    log.write("stdout", [("P", part)] * 400)
    tracemalloc.start()
    try:
        sizes = [len(line.text) for line in lines(str(tmp_path))]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == [logs.LONGEST] * 25
    assert peak < 8 * logs.LONGEST


def test_a_log_that_grows_is_read_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "PAUSE", 0.0)
    write(Log(str(tmp_path)), "a")
    read, threads = Tail.read, []

    def note(tail: Tail) -> list[Line]:
        threads.append(threading.current_thread())
        return read(tail)

    monkeypatch.setattr(Tail, "read", note)
    coming = iter([True, True])

    async def follow() -> list[str]:
        alive = lambda: next(coming, False)  # noqa: E731
        return [line.text async for line in logs.follow(str(tmp_path), None, alive)]

    assert asyncio.run(follow()) == ["a"]
    assert len(threads) == 4
    assert threading.main_thread() not in threads


def test_all_files_oldest_first(tmp_path: Path) -> None:
    log = Log(str(tmp_path), size=200)
    write(log, *(str(n) for n in range(12)))
    assert len(list(tmp_path.iterdir())) > 2
    assert texts(lines(str(tmp_path))) == [str(n) for n in range(12)]
    assert texts(last(lines(str(tmp_path)), 2)) == ["10", "11"]
    assert texts(last(lines(str(tmp_path)), 0)) == []


def test_what_is_no_line_of_cri_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"nonsense\n2026-11-21T00:00:00Z stdout F \xff\n")
    assert list(lines(str(tmp_path))) == [Line("2026-11-21T00:00:00Z", "stdout", "\ufffd")]


def test_no_log_yet(tmp_path: Path) -> None:
    assert list(lines(str(tmp_path))) == []
    assert Tail(str(tmp_path)).read() == []


@pytest.mark.parametrize("size", [10_000, 100])
def test_a_tail_misses_nothing(tmp_path: Path, size: int) -> None:
    log, tail = Log(str(tmp_path), size), Tail(str(tmp_path))
    found = []
    for n in range(9):
        write(log, str(n))
        if n % 2:
            found += texts(tail.read())
    found += texts(tail.read())
    assert found == [str(n) for n in range(9)]
    tail.close()


def test_half_a_line_waits_for_its_rest(tmp_path: Path) -> None:
    tail = Tail(str(tmp_path))
    with (tmp_path / "log").open("wb", buffering=0) as f:
        f.write(b"2026-11-21T00:00:00Z stdout F ha")
        assert tail.read() == []
        f.write(b"lf\n")
    assert texts(tail.read()) == ["half"]
    tail.close()


def test_following_until_nobody_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PAUSE", 0.0)
    log = Log(str(tmp_path))
    write(log, "a", "b", "c")
    coming = iter(["d", "e"])

    def alive() -> bool:
        text = next(coming, None)
        if text is not None:
            write(log, text)
        else:
            write(log, "unended", flag="P")
        return text is not None

    async def follow() -> list[str]:
        return [line.text async for line in logs.follow(str(tmp_path), 2, alive)]

    assert asyncio.run(follow()) == ["b", "c", "d", "e", "unended"]
