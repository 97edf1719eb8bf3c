"""What is asked of logs, and pages of them, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from aicr.errors import NotFound
from controlplane.http.problems import Problem
from controlplane.runtime.protocol import Line
from controlplane.services.ngc import logs
from controlplane.services.ngc.models import LogParameter

F, V = "0a0a0a0a-0000-4000-8000-00000000000f", "0b0b0b0b-0000-4000-8000-00000000000e"
START, END = "2026-01-01T00:00:00", "2026-01-01T01:00:00"
JOB = logs.Job("functions", (F, V), START, END)
ID = f"functions.{F}.{V}.20260101T000000.20260101T010000"


def said(**values: Any) -> list[LogParameter]:
    return [LogParameter(name=n, value=v) for n, v in values.items()]


def test_the_id_of_a_job_says_what_was_asked() -> None:
    times = said(start="2026-01-01 00:00:00", end="2026-01-01 01:00:00", helm=True)
    assert logs.asked("functions", (F, V), times) == JOB
    assert JOB.id == ID
    assert logs.opened(ID, "functions", 2) == JOB
    early = logs.asked("tasks", (F,), said(start="0001-01-01 00:00:00"))
    assert logs.opened(early.id, "tasks", 1) == early


@pytest.mark.parametrize(
    "text",
    [
        "", "functions", ID.upper(), f"{ID}.", f" {ID}", ID.replace("functions", "tasks"),
        f"functions.{F}.20260101T000000.20260101T010000", ID.replace("T010000", "T250000"),
        ID.replace("T010000", "T01"), ID.replace("20260101T01", "2026-01-01T01:"), f"{ID}Z",
        ID.replace(F, "x"), "." * 1000, ID.replace("2026", "²026"),
    ],
)  # fmt: skip
def test_what_is_no_id_of_a_job(text: str) -> None:
    with pytest.raises(Problem) as caught:
        logs.opened(text, "functions", 2)
    assert caught.value.status == 400


def test_an_hour_is_asked_for_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert logs.asked("tasks", (F,), said(end="2026-01-01 01:00:00"))[2:] == (START, END)
    monkeypatch.setattr(logs.time, "time", lambda: 1767229200.9)
    assert logs.asked("tasks", (F,), [])[2:] == (START, END)
    assert logs.asked("tasks", (F,), said(start=None, end=None))[2:] == (START, END)
    assert logs.before("0001-01-01T00:00:59", timedelta(hours=1)) == "0001-01-01T00:00:00"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-01", "2026-01-02 00:00:00"), (7, "2026-01-02 00:00:00"), ("", ""),
        ("2026-02-30 00:00:00", "2026-03-01 00:00:00"), (True, None),
        ("2026-01-01 00:00:01", "2026-01-01 00:00:00"), ([], None), ("now", None),
        ("0001-01-01 00:00:00+14:00", "2026-01-01 00:00:00"), (None, "9999-12-31T23:59:59-01:00"),
    ],
)  # fmt: skip
def test_what_is_no_time(start: Any, end: Any) -> None:
    with pytest.raises(Problem) as caught:
        logs.asked("tasks", (F,), said(start=start, end=end))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("text", "second"),
    [
        ("2026-01-01 00:00:00", START),
        ("2026-01-01T00:00:00.999999999Z", START),
        ("2026-01-01 02:00:00+02:00", START),
        ("2026-01-01 02:00:00.5 02:00", START),
        ("2025-12-31 23:00:00-01:00", START),
    ],
)
def test_seconds_of_instants(text: str, second: str) -> None:
    assert logs.second(text, "start") == second


class Kept:
    """A runtime with these logs; that of "gone" was forgotten meanwhile."""

    def __init__(self, **lines: list[Line]) -> None:
        self.lines = {f"u/{name}": found for name, found in lines.items()}

    def logged(self, uid: str) -> tuple[str, ...]:
        assert uid == "u"
        return (*sorted(self.lines), "u/gone")

    def logs(self, id_: str, tail: int | None = None) -> Iterator[Line]:
        if id_ not in self.lines:
            raise NotFound(id_)
        return iter(self.lines[id_])


def line(second: int, text: str, stream: str = "stdout") -> Line:
    return Line(f"2026-01-01T00:00:{second:02}.123456789Z", stream, text)


def found(runtime: Any, start: str, end: str) -> list[str]:
    return [e.line.text for e in logs.entries(runtime, "u", start, end)]


def test_entries_of_several_instances_by_time() -> None:
    runtime = Kept(a=[line(1, "a1"), line(4, "a4")], b=[line(0, "b0"), line(2, "b2")])
    assert found(runtime, START, END) == ["b0", "a1", "b2", "a4"]
    # Both ends are seconds that count as a whole.
    assert found(runtime, "2026-01-01T00:00:01", "2026-01-01T00:00:02") == ["a1", "b2"]
    assert found(runtime, "2026-01-01T00:00:03", "2026-01-01T00:00:03") == []
    assert found(Kept(a=[Line("", "stdout", "once")]), END, END) == ["once"]


def test_pages() -> None:
    entries = [logs.Entry("u/a", line(n, f"{n}", "stderr")) for n in range(5)]
    first = logs.page(entries, 1, 2)
    assert first["metadata"] == {"page": 1, "pageSize": 2, "totalPages": 3, "totalResults": 5}
    assert first["data"][0] == {
        "timestamp": "2026-01-01T00:00:00.123456789Z",
        "instanceId": "u/a",
        "stream": "stderr",
        "message": "0",
    }
    pages = [[d["message"] for d in logs.page(entries, n, 2)["data"]] for n in (1, 2, 3, 4)]
    assert pages == [["0", "1"], ["2", "3"], ["4"], []]
    assert logs.page([], 1, 2) == {
        "metadata": {"page": 1, "pageSize": 2, "totalPages": 0, "totalResults": 0},
        "data": [],
    }
