"""A disk that is full or fails while plans are applied and clients write."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from aicr.errors import Full, Unavailable
from controlplane.plan import apply as applying
from controlplane.plan import recover
from controlplane.state.protocol import Actor
from tests.controlplane.engines import apply, opened, plan
from tests.robustness import sound
from tests.robustness.conftest import Say, size

WANTED: dict[str, Any] = {f"test.things.t{n}": {"shape": {"text": "x" * 800}} for n in range(90)}
WANTED["test.things.t1"]["uses"] = ["t0"]
POINTS = size(40, 12)


def test_a_disk_that_fills_up_while_a_plan_is_applied(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applying, "TOGETHER", 4)  # many commits that the disk may refuse
    where = str(tmp_path / "state.db")
    full, partly = 0, 0
    with opened(where) as engine:
        engine.change_now(Actor("rest"), lambda c: c.create("test.things.other", {"size": 1}))

        def limit(pages: int) -> None:
            with engine.store._writing.connect() as connection:
                connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        def pages() -> int:
            with engine.store._writing.connect() as connection:
                return int(connection.exec_driver_sql("PRAGMA page_count").scalar())

        for n in range(POINTS):
            wanted = {a: {**spec, "size": n} for a, spec in WANTED.items()}
            wanted["test.things.more"] = {"shape": {"text": "y" * 9000 * n}}
            limit(pages() + n % 12 * 40)
            made = plan(engine, wanted)
            try:
                apply(engine, made)
            except Full as e:
                assert e.http_status == 507
                full += 1
            with pytest.raises(Full):
                engine.change_now(
                    Actor("rest"),
                    lambda c: c.create("test.things.big", {"shape": {"x": "z" * 10**6}}),
                )
            limit(1_000_000)
            recover.recover(engine)
            sound.check(engine)
            sound.settled(engine)
            again = plan(engine, wanted)
            partly += 0 < len(again.stages) < len(made.stages)
            apply(engine, again)
            assert plan(engine, wanted).is_empty
        sound.check(engine)
    assert full > 0
    assert partly > 0, (full, partly)
    say(
        f"{POINTS} disks that fill up: {full} applies refused with 507, {partly} of them half done, 0 stages partial"
    )


@pytest.mark.parametrize("failing", range(1, 13))
def test_the_nth_statement_fails(where: str, failing: int) -> None:
    """A failing disk is told to whoever waits; the plan ends as failed or is judged later."""
    with opened(where) as engine:
        made = plan(engine, {"test.things.a": {}, "test.things.b": {"uses": ["a"]}})
        seen = [0]

        def count(_c: Any, _u: Any, sql: str, *_: Any) -> None:
            seen[0] += sql.startswith(("INSERT", "DELETE", "UPDATE"))
            if seen[0] == failing and sql.startswith(("INSERT", "DELETE", "UPDATE")):
                raise OperationalError(sql, {}, sqlite3.OperationalError("disk I/O error"))

        event.listen(engine.store._writing, "before_cursor_execute", count)
        with pytest.raises(Unavailable) as e:
            apply(engine, made)
        assert e.value.http_status == 503
        event.remove(engine.store._writing, "before_cursor_execute", count)
        recover.recover(engine)
        sound.check(engine)
        sound.settled(engine)
        wanted = {"test.things.a": {}, "test.things.b": {"uses": ["a"]}}
        apply(engine, plan(engine, wanted))
        assert plan(engine, wanted).is_empty


def test_no_disk_at_all_for_whoever_applies(where: str) -> None:
    """Not even the failure can be written: whoever looks next judges the plan."""
    with opened(where) as engine:
        made = plan(engine, {"test.things.a": {}, "test.things.b": {"uses": ["a"]}})
        gone = [False]

        def fail(_c: Any, _u: Any, sql: str, *_: Any) -> None:
            gone[0] = gone[0] or "journal" in sql
            if gone[0]:
                raise OperationalError(sql, {}, sqlite3.OperationalError("disk I/O error"))

        event.listen(engine.store._writing, "before_cursor_execute", fail)
        with pytest.raises(Unavailable):
            apply(engine, made)
        event.remove(engine.store._writing, "before_cursor_execute", fail)
        assert engine.store.read(lambda r: r.plan(made.digest)).status == "applying"
        assert recover.recover(engine) == [made.digest]
        sound.check(engine)
        sound.settled(engine)
        wanted = {"test.things.a": {}, "test.things.b": {"uses": ["a"]}}
        apply(engine, plan(engine, wanted))
        assert plan(engine, wanted).is_empty
