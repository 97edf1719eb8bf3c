"""Logs as the hosted service gives them: which are asked for, and pages of what was written.

The contract leaves open what an entry looks like, and what a job is called: both are ours. A job is
nothing that is kept; its id says all that was asked.
"""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from aicr.errors import NotFound
from controlplane.access import times
from controlplane.http.problems import Problem
from controlplane.runtime.protocol import Line, Runtime
from controlplane.services.ngc.models import LogEntry, LogParameter
from controlplane.vendor import requests
from controlplane.vendor.errors import FAILED, not_a

# What is asked for where nothing is said, as the vendor's clients do.
DEFAULT = timedelta(hours=1)
PAGE_SIZE, MAX_PAGE_SIZE = 100, 1000
# With a blank for a plus sign, which is what remains of one in a query string.
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d{1,9})?(?:Z|([+ -])(\d\d:\d\d))?", re.ASCII
)
_SECOND = len("2026-01-01T00:00:00")
# No second is later.
LAST = "9999-12-31T23:59:59"


class Job(NamedTuple):
    """What is asked for: entries of something (`word` and `ids`) from one second to another, both
    of which count. Seconds are UTC and sort as text."""

    word: str
    ids: tuple[str, ...]
    start: str
    end: str

    @property
    def id(self) -> str:
        seconds = (s.replace("-", "").replace(":", "") for s in (self.start, self.end))
        return ".".join((self.word, *self.ids, *seconds))


def asked(word: str, ids: Iterable[str], parameters: Iterable[LogParameter]) -> Job:
    """The job of a request. What clients say beside its times is not needed here. Raises Problem
    400."""
    said = {p.name: p.value for p in parameters if p.value is not None}
    end = second(said["end"], "end") if "end" in said else now()
    start = second(said["start"], "start") if "start" in said else before(end, DEFAULT)
    if "end" in said and start > end:
        raise Problem(400, f"{FAILED}: 'start' is after 'end'")
    return Job(word, tuple(ids), start, end)


def opened(text: str, word: str, count: int) -> Job:
    """The job of an id, about a word with so many ids. Raises Problem 400."""
    _, *parts = text.split(".")
    if len(parts) == count + 2:
        ids = tuple(requests.uuid(id_, "jobId") for id_ in parts[:count])
        with suppress(ValueError):
            start, end = (_text(datetime.fromisoformat(part)) for part in parts[count:])
            found = Job(word, ids, start, end)
            if found.id == text:
                return found
    raise not_a("id of a job", "jobId")


# --------------------------------------------------------------------------- instants


def second(text: Any, name: str) -> str:
    """The second of an instant, which is of UTC unless it says otherwise. Raises Problem 400."""
    found = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise not_a("time such as 2026-01-31 23:59:59", name)
    day, clock, sign, offset = found.groups()
    zone = f"{(sign or '+').replace(' ', '+')}{offset or '00:00'}"
    try:
        return _text(datetime.fromisoformat(f"{day}T{clock}{zone}").astimezone(UTC))
    except (ValueError, OverflowError):
        raise not_a("time", name) from None


def now() -> str:
    """The second that it is."""
    return _text(times.of_seconds(time.time()))


def before(end: str, span: timedelta) -> str:
    """The second so long before another; the first one of all where there is none."""
    try:
        return _text(datetime.fromisoformat(end) - span)
    except OverflowError:
        return _text(datetime.min)


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")[:_SECOND]


def within(line: Line, start: str, end: str) -> bool:
    """Whether a line was begun then; one that does not say when always was."""
    return not line.time or start <= line.time[:_SECOND] <= end


# --------------------------------------------------------------------------- entries


class Entry(NamedTuple):
    """A line, and the id of the instance that wrote it."""

    instance: str
    line: Line


def entries(runtime: Runtime, uid: str, start: str, end: str) -> Iterator[Entry]:
    """What the instances of a resource have written, by the time of it."""
    written = (_written(runtime, id_) for id_ in runtime.logged(uid))
    found = heapq.merge(*written, key=lambda e: e.line.time)
    return (e for e in found if within(e.line, start, end))


def _written(runtime: Runtime, id_: str) -> Iterator[Entry]:
    with suppress(NotFound):  # it was forgotten meanwhile
        for line in runtime.logs(id_):
            yield Entry(id_, line)


_NAMES = tuple(LogEntry.model_fields)


def shown(entry: Entry) -> Mapping[str, str]:
    """An entry as answers have it."""
    line = entry.line
    return dict(zip(_NAMES, (line.time, entry.instance, line.stream, line.text), strict=True))


def page(found: Iterable[Entry], number: int, size: int) -> dict[str, Any]:
    """The so-manieth page of entries, from 1; those after the last one are empty."""
    begin, total, kept = (number - 1) * size, 0, []
    for total, entry in enumerate(found, 1):
        if begin < total <= begin + size:
            kept.append(shown(entry))
    metadata = {
        "page": number,
        "pageSize": size,
        "totalPages": -(-total // size),
        "totalResults": total,
    }
    return {"metadata": metadata, "data": kept}
