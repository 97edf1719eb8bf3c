"""What every store promises, asked of each."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from aicr.errors import InvalidRequest, Unavailable
from controlplane.state import sql
from controlplane.state.protocol import (
    Actor,
    Lease,
    Line,
    Lookup,
    Remembered,
    Resource,
    Secret,
    Step,
    StoredPlan,
    Transaction,
)
from controlplane.state.sql import SqlStore, is_file, shown, url_of
from controlplane.state.tables import METADATA
from tests.controlplane.state.conftest import THING, thing
from tests.stores import dump, raw

RED, BLUE = Lookup("colour", "red"), Lookup("colour", "blue")
ME = Actor("me", "request-1")


def put(store: SqlStore, *resources: Resource, lookups: tuple[Lookup, ...] = ()) -> None:
    store.write(lambda tx: [tx.put(r, lookups) for r in resources])


def batched(store: SqlStore, *works: Any) -> list[Any]:
    """Results or exceptions of works that commit together."""
    first, gate = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> None:
        first.set()
        assert gate.wait(30)

    held = store.submit(hold)
    assert first.wait(30)  # the writer is busy: what comes now waits, and is taken together
    futures = [store.submit(work) for work in works]
    gate.set()
    held.result()
    return [f.exception() or f.result() for f in futures]


def line(position: int, address: str = "test.things.a", **data: Any) -> Line:
    return Line(address, position, "2026-01-01T00:00:00Z", data)


class TestPages:
    def test_resources_come_by_lookup_in_order_of_address(self, store: SqlStore) -> None:
        names = [f"test.things.{n:03}" for n in range(30)]
        put(store, *(thing(n) for n in reversed(names)), lookups=(RED,))
        put(store, thing("test.things.0005"), lookups=(BLUE,))
        seen, after = [], ""
        while found := store.read(lambda r, a=after: r.page("test.things", RED, a, 7)):
            seen += [r.address for r in found]
            after = seen[-1]
        assert seen == names
        assert store.read(lambda r: r.page("test.others", RED, "", 7)) == []
        assert store.read(lambda r: r.page("test.things", RED, "a\0", 7)) == []
        within = store.write(
            lambda tx: [r.address for r in tx.page("test.things", RED, names[3], 2)]
        )
        assert within == names[4:6]

    def test_a_page_is_read_from_where_it_begins(self, store: SqlStore) -> None:
        """The index alone finds and orders it, however far on it is."""
        if not store.is_sqlite:
            return
        statement = "SELECT r.* FROM resources r JOIN lookups l ON l.address = r.address WHERE l.kind = 'a' AND l.field = 'b' AND l.value = 'c' AND l.address > 'd' ORDER BY l.address LIMIT 3"
        plan = " ".join(
            str(row[-1])
            for row in raw(store._url.removeprefix("sqlite:///"), f"EXPLAIN QUERY PLAN {statement}")
        )
        assert "lookups_by_value (kind=? AND field=? AND value=? AND address>?)" in plan
        assert "TEMP B-TREE" not in plan


class TestLines:
    def test_they_are_read_in_order_after_a_position(self, store: SqlStore) -> None:
        put(store, thing("test.things.a"), thing("test.things.b"))
        store.write(lambda tx: [tx.put_line(line(n, n=n)) for n in (3, 1, 2, 4)])
        store.write(lambda tx: tx.put_line(line(1, "test.things.b")))
        assert [n.data for n in store.read(lambda r: r.lines("test.things.a", 1, 2))] == [
            {"n": 2},
            {"n": 3},
        ]
        store.write(lambda tx: tx.put_line(line(2, n="again")))
        assert store.read(lambda r: r.lines("test.things.a", 1, 1))[0].data == {"n": "again"}

    def test_they_go_with_their_resource(self, store: SqlStore) -> None:
        put(store, thing("test.things.a"), thing("test.things.b"))
        store.write(
            lambda tx: [tx.put_line(line(1, a)) for a in ("test.things.a", "test.things.b")]
        )
        store.write(lambda tx: tx.purge("test.things.a"))
        assert store.read(lambda r: r.lines("test.things.a", 0, 9)) == []
        assert len(store.read(lambda r: r.lines("test.things.b", 0, 9))) == 1

    def test_a_transaction_sees_its_own_and_those_before_it(self, store: SqlStore) -> None:
        store.write(lambda tx: tx.put_line(line(1, n=1)))

        def numbers(tx: Transaction) -> list[Any]:
            return [n.data["n"] for n in tx.lines("test.things.a", 0, 9)]

        def first(tx: Transaction) -> list[Any]:
            tx.put_line(line(2, n=2))
            return numbers(tx)

        def second(tx: Transaction) -> list[Any]:
            seen = numbers(tx)
            tx.purge("test.things.a")
            tx.put_line(line(1, n="new"))
            return [seen, numbers(tx)]

        def third(tx: Transaction) -> list[Any]:
            tx.put_line(line(3, n=3))
            return numbers(tx)

        def failing(tx: Transaction) -> None:
            tx.purge("test.things.a")
            raise ValueError

        found = batched(store, first, second, failing, third)
        assert found[:2] == [[1, 2], [[1, 2], ["new"]]]
        assert found[3] == ["new", 3]
        assert [n.data["n"] for n in store.read(lambda r: r.lines("test.things.a", 0, 9))] == [
            "new",
            3,
        ]


class TestMeta:
    def test_a_new_state_is_empty_and_has_a_lineage(self, store: SqlStore) -> None:
        meta = store.read(lambda r: r.meta())
        assert meta[1:] == (0, 0, 0, "", "", 0, "")
        assert len(meta.lineage) == 36
        assert store.read(lambda r: r.resources(deleted=True)) == []

    def test_lineage_and_counters_outlive_the_process(self, where: str) -> None:
        first = SqlStore(where)
        put(first, thing())
        first.write(lambda tx: tx.advance())
        before = first.read(lambda r: r.meta())
        first.close()
        second = SqlStore(where)
        assert second.read(lambda r: r.meta()) == before
        second.close()
        assert (before.serial, before.revision) == (1, 1)

    def test_two_states_have_two_lineages(self, where: str, tmp_path: Any) -> None:
        stores = [SqlStore(where), SqlStore(str(tmp_path / "other.db"))]
        lineages = {s.read(lambda r: r.meta()).lineage for s in stores}
        for s in stores:
            s.close()
        assert len(lineages) == 2

    def test_the_serial_counts_changes_and_the_revision_everything(self, store: SqlStore) -> None:
        def work(tx: Transaction) -> tuple[int, int]:
            tx.put(thing(), ())
            tx.event("status", THING, {})
            return tx.advance(), tx.advance()

        assert store.write(work) == (1, 2)
        meta = store.read(lambda r: r.meta())
        assert (meta.serial, meta.revision) == (2, 2)

    def test_the_parent_is_what_was_put(self, store: SqlStore) -> None:
        store.write(lambda tx: tx.put_meta(tx.meta()._replace(parent="sha256:p")))
        assert store.read(lambda r: r.meta()).parent == "sha256:p"


class TestResources:
    def test_what_was_put_is_read(self, store: SqlStore) -> None:
        given = thing(
            spec={"b": [1, {"x": None}], "a": "ü\x00\u2028"},
            applied={"size": 2},
            status={"state": "up"},
            protected=True,
        )
        stored = store.write(lambda tx: tx.put(given, ()))
        assert stored == given._replace(revision=1)
        assert store.read(lambda r: r.get(THING)) == stored
        assert store.read(lambda r: r.resources()) == [stored]

    def test_each_write_has_its_own_growing_revision(self, store: SqlStore) -> None:
        revisions = [store.write(lambda tx: tx.put(thing(), ())).revision for _ in range(3)]
        assert revisions == [1, 2, 3]

    def test_what_is_not_there_is_none(self, store: SqlStore) -> None:
        assert store.read(lambda r: r.get(THING)) is None

    def test_a_deleted_one_is_known_when_asked_for(self, store: SqlStore) -> None:
        put(store, thing(), thing(spec=None, applied={"size": 1}))
        assert store.read(lambda r: r.get(THING)) is None
        assert store.read(lambda r: r.resources()) == []
        tombstone = store.read(lambda r: r.get(THING, deleted=True))
        assert tombstone is not None
        assert (tombstone.spec, tombstone.applied, tombstone.exists) == (None, {"size": 1}, False)
        assert store.read(lambda r: r.resources(deleted=True)) == [tombstone]

    def test_by_kind(self, store: SqlStore) -> None:
        put(store, thing(), thing("test.tokens.one"), thing("test.thingsandmore.one"))
        found = store.read(lambda r: r.resources("test.things"))
        assert [r.address for r in found] == [THING]

    def test_in_order_of_address_however_the_database_sorts(self, store: SqlStore) -> None:
        names = [
            "b",
            "B",
            "a",
            "A",
            "a-b",
            "aB",
            "a.b",
            "a_b",
            "ab",
            "a1",
            "a10",
            "a2",
            "_".join("ab"),
            "z",
        ]
        addresses = sorted({f"test.things.{n}" for n in names})
        put(store, *(thing(a) for a in reversed(addresses)))
        assert [r.address for r in store.read(lambda r: r.resources())] == addresses
        assert [r.address for r in store.read(lambda r: r.resources("test.things"))] == addresses
        inside = store.write(lambda tx: [r.address for r in tx.resources()])
        assert inside == addresses

    def test_addresses_differ_in_case(self, store: SqlStore) -> None:
        put(store, thing("test.things.a", uid="small"), thing("test.things.A", uid="big"))
        assert store.read(lambda r: r.get("test.things.A")).uid == "big"
        store.write(lambda tx: tx.purge("test.things.A"))
        assert store.read(lambda r: r.get("test.things.a")).uid == "small"

    def test_purging_leaves_no_trace(self, store: SqlStore, where: str) -> None:
        def work(tx: Transaction) -> None:
            tx.put(thing(), [RED])
            tx.put(thing("test.things.one2"), [RED])
            for name in (
                f"{THING}#value",
                f"{THING}#other",
                "test.things.one2#value",
                "test.things.ONE#value",
            ):
                tx.put_secret(Secret(name, "k", b"n", b"d"))

        store.write(work)
        store.write(lambda tx: tx.purge(THING))
        assert store.read(lambda r: r.get(THING, deleted=True)) is None
        assert [r.address for r in store.read(lambda r: r.find("test.things", RED))] == [
            "test.things.one2"
        ]
        left = [s.name for s in store.read(lambda r: r.secrets())]
        assert left == ["test.things.ONE#value", "test.things.one2#value"]
        assert THING not in [
            row[0]
            for t in ("resources", "lookups")
            for row in raw(where, f"SELECT address FROM {t}")
        ]

    def test_purging_sees_the_secrets_of_its_own_unit(self, store: SqlStore) -> None:
        def work(tx: Transaction) -> list[Secret]:
            tx.put_secret(Secret(f"{THING}#value", "k", b"n", b"d"))
            tx.purge(THING)
            return tx.secrets()

        assert store.write(work) == []
        assert store.read(lambda r: r.secrets()) == []


class TestLookups:
    def test_found_by_what_it_was_put_with(self, store: SqlStore) -> None:
        put(store, thing("test.things.b"), thing("test.things.a"), lookups=(RED,))
        put(store, thing("test.things.c"), lookups=(BLUE,))
        put(store, thing("test.tokens.d"), lookups=(RED,))
        found = store.read(lambda r: r.find("test.things", RED))
        assert [r.address for r in found] == ["test.things.a", "test.things.b"]
        assert store.read(lambda r: r.find("test.things", Lookup("shade", "red"))) == []

    def test_a_later_put_replaces_all_of_them(self, store: SqlStore) -> None:
        put(store, thing(), lookups=(RED, BLUE))
        put(store, thing(), lookups=(BLUE, BLUE))
        assert store.read(lambda r: r.find("test.things", RED)) == []
        assert len(store.read(lambda r: r.find("test.things", BLUE))) == 1

    def test_inside_a_unit(self, store: SqlStore) -> None:
        put(store, thing("test.things.a"), lookups=(RED,))

        def work(tx: Transaction) -> list[list[str]]:
            seen = []
            for lookups in ((BLUE,), (), (RED,)):
                tx.put(thing("test.things.a"), lookups)
                seen += [[r.address for r in tx.find("test.things", k)] for k in (RED, BLUE)]
            return seen

        a = ["test.things.a"]
        assert store.write(work) == [[], a, [], [], a, []]

    def test_a_unit_that_takes_lookups_away_is_not_told_those_of_an_earlier_one(
        self, store: SqlStore
    ) -> None:
        def taking(tx: Transaction) -> list[Resource]:
            tx.put(thing(), ())
            return tx.find("test.things", RED)

        assert batched(store, lambda tx: tx.put(thing(), [RED]).address, taking) == [THING, []]
        assert store.read(lambda r: r.find("test.things", RED)) == []


class TestUnits:
    def test_a_unit_reads_what_it_wrote(self, store: SqlStore) -> None:
        plan = StoredPlan("d", "applying", "{}", "then", "me", {"x": 1}, 3)
        step = Step("d", 0, THING, "create", "intent")
        lease = Lease("l", "h", 1, 2.5, "then", "why")
        secret = Secret("n", "k", b"\x00\xff", b"")
        answer = Remembered("key", "print", 201, "{}", "then")

        def work(tx: Transaction) -> None:
            for writing in (
                lambda: tx.put_plan(plan),
                lambda: tx.put_step(step),
                lambda: tx.put_lease(lease),
                lambda: tx.put_secret(secret),
                lambda: tx.remember(answer),
            ):
                writing()
            see(tx)
            tx.put(thing(), ())
            assert tx.get(THING).spec == {"size": 1}
            tx.purge(THING)
            assert tx.get(THING, deleted=True) is None
            tx.event("created", THING, {"a": 1})
            tx.event("deleted", THING, {})
            assert [(e.revision, e.type) for e in tx.events(0, 9)] == [
                (2, "created"),
                (3, "deleted"),
            ]
            assert [e.type for e in tx.events(0, 1)] == ["created"]
            assert [e.type for e in tx.events(2, 9)] == ["deleted"]
            tx.record(ME, "did", THING, {"a": 1})
            assert [(e.sequence, e.action) for e in tx.audit(0, 9)] == [(1, "did")]

        def see(reader: Any) -> None:
            assert reader.plan("d") == plan
            assert reader.plans("applying") == [plan]
            assert reader.plans("planned") == []
            assert reader.journal("d") == [step]
            assert reader.lease("l") == lease
            assert reader.secret("n") == secret
            assert reader.secrets() == [secret]
            assert reader.remembered("key") == answer

        store.write(work)
        store.read(see)
        store.write(lambda tx: tx.drop_secret("n"))
        assert store.read(lambda r: (r.secret("n"), r.secrets())) == (None, [])

    def test_old_answers_are_forgotten(self, store: SqlStore) -> None:
        """Those that are stored, and those of the same transaction."""
        old, young = (Remembered(at, "f", 200, "{}", at) for at in ("2026-01-01", "2026-01-03"))
        store.write(lambda tx: (tx.remember(old), tx.remember(young)))
        newer = old._replace(key="newer")

        def work(tx: Transaction) -> None:
            tx.remember(newer)
            assert tx.forget("2026-01-02") == [old, newer]
            assert tx.forget("2026-01-02") == []

        store.write(work)
        kept = store.read(lambda r: [r.remembered(a.key) for a in (old, young, newer)])
        assert kept == [None, young, None]

    def test_a_unit_sees_earlier_units_of_its_batch(self, store: SqlStore) -> None:
        def first(tx: Transaction) -> int:
            tx.record(ME, "first", "", {})
            tx.event("first", "", {})
            return tx.put(thing(), ()).revision

        def second(tx: Transaction) -> Any:
            tx.record(ME, "second", "", {})
            return tx.get(THING).revision, len(tx.audit(0, 9)), [e.type for e in tx.events(0, 9)]

        assert batched(store, first, second) == [2, (2, 2, ["first"])]

    def test_one_that_fails_leaves_nothing_and_the_others_commit(
        self, store: SqlStore, where: str
    ) -> None:
        def failing(tx: Transaction) -> None:
            tx.put(thing("test.things.wrong"), [RED])
            tx.event("created", "test.things.wrong", {})
            tx.record(ME, "created", "test.things.wrong", {})
            tx.put_secret(Secret("wrong", "k", b"", b""))
            tx.put_plan(StoredPlan("wrong", "planned", "", "", "", {}, 0))
            tx.put_step(Step("wrong", 0, "", "", ""))
            tx.put_lease(Lease("wrong", "", 1, 0.0, "", ""))
            tx.remember(Remembered("wrong", "", 1, "", ""))
            tx.advance()
            tx.compact(10)
            raise ZeroDivisionError

        def fine(name: str) -> Any:
            def work(tx: Transaction) -> int:
                tx.record(ME, name, "", {})
                return tx.put(thing(f"test.things.{name}"), [RED]).revision

            return work

        outcomes = batched(store, fine("a"), failing, fine("b"))
        assert isinstance(outcomes[1], ZeroDivisionError)
        assert [outcomes[0], outcomes[2]] == [1, 2]
        meta = store.read(lambda r: r.meta())
        assert (meta.serial, meta.revision, meta.compacted, meta.audit_count) == (0, 2, 0, 2)
        assert "wrong" not in repr(dump(where))

    def test_a_reader_sees_one_state(self, store: SqlStore) -> None:
        put(store, thing(uid="old"))

        def reading(reader: Any) -> list[str]:
            seen = [reader.get(THING).uid]
            put(store, thing(uid="new"))
            return [*seen, reader.get(THING).uid, reader.resources()[0].uid]

        assert store.read(reading) == ["old", "old", "old"]
        assert store.read(lambda r: r.get(THING)).uid == "new"

    def test_what_a_database_cannot_hold_takes_nobody_else_down(self, store: SqlStore) -> None:
        def lone(tx: Transaction) -> None:
            tx.remember(Remembered("\ud800", "", 1, "", ""))

        outcomes = batched(
            store, lambda tx: tx.put(thing(), ()).revision, lone, lambda tx: tx.advance()
        )
        assert isinstance(outcomes[1], InvalidRequest)
        assert outcomes[::2] == [1, 1]
        assert store.read(lambda r: r.get(THING)) is not None

    def test_nul_is_refused_or_kept_but_takes_nobody_else_down(self, store: SqlStore) -> None:
        def nul(tx: Transaction) -> Any:
            tx.remember(Remembered("a\x00b", "", 1, "", ""))
            return "kept"

        outcomes = batched(store, lambda tx: tx.put(thing(), ()).revision, nul)
        assert outcomes[0] == 1
        kept = store.is_sqlite
        assert outcomes[1] == "kept" if kept else isinstance(outcomes[1], InvalidRequest)

    def test_a_lookup_that_no_database_has_is_an_error_of_the_reader_alone(
        self, store: SqlStore
    ) -> None:
        with pytest.raises(InvalidRequest):
            store.read(lambda r: r.remembered("\ud800"))

    def test_the_clock_is_that_of_the_batch(self, store: SqlStore) -> None:
        times = batched(store, lambda tx: tx.now, lambda tx: tx.now)
        assert times[0] == times[1]
        assert store.write(lambda tx: tx.now) > times[0]
        assert times[0].endswith("Z")


class TestGroupCommit:
    def test_what_waits_shares_one_commit(
        self, store: SqlStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commits = itertools.count()
        hits: list[str] = []
        monkeypatch.setattr(sql, "hit", lambda name: hits.append(name) or next(commits))
        assert len(batched(store, *[lambda tx: tx.advance()] * 200)) == 200
        assert (
            hits.count("store.after_commit") == 2
        )  # the one that held the writer, and 200 at once
        assert store.read(lambda r: r.meta()).serial == 200

    def test_no_more_than_so_many(self, store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
        hits: list[str] = []
        monkeypatch.setattr(sql, "hit", hits.append)
        batched(store, *[lambda tx: tx.advance()] * 300)
        assert hits.count("store.after_commit") == 3

    def test_a_cancelled_write_does_not_happen(self, store: SqlStore) -> None:
        first, gate = threading.Event(), threading.Event()
        held = store.submit(lambda tx: (first.set(), gate.wait(30)))
        assert first.wait(30)
        waiting = store.submit(lambda tx: tx.advance())
        assert waiting.cancel()
        gate.set()
        held.result()
        assert store.write(lambda tx: tx.advance()) == 1

    def test_whatever_a_work_raises_the_writer_lives_on(self, store: SqlStore) -> None:
        def leaving(tx: Transaction) -> None:
            raise SystemExit(3)

        with pytest.raises(SystemExit):
            store.submit(leaving).result(timeout=10)
        assert store.submit(lambda tx: tx.advance()).result(timeout=10) == 1

    def test_closing_finishes_what_waits(self, where: str) -> None:
        store = SqlStore(where)
        futures = [store.submit(lambda tx: tx.advance()) for _ in range(50)]
        store.close()
        assert [f.result(timeout=0) for f in futures] == list(range(1, 51))
        with pytest.raises(Unavailable):
            store.submit(lambda tx: None)


class TestEvents:
    @pytest.fixture
    def filled(self, store: SqlStore) -> SqlStore:
        store.write(lambda tx: [tx.event("e", THING, {"n": n}) for n in range(10)])
        return store

    def test_in_order_after_a_revision(self, filled: SqlStore) -> None:
        found = filled.read(lambda r: r.events(3, 4))
        assert [(e.revision, e.data["n"]) for e in found] == [(4, 3), (5, 4), (6, 5), (7, 6)]
        assert {(e.type, e.address) for e in found} == {("e", THING)}

    def test_compaction_forgets_and_says_up_to_where(self, filled: SqlStore) -> None:
        filled.write(lambda tx: tx.compact(4))
        assert [e.revision for e in filled.read(lambda r: r.events(0, 99))] == [5, 6, 7, 8, 9, 10]
        assert filled.read(lambda r: r.meta()).compacted == 4

    def test_compaction_never_goes_back_nor_past_the_end(self, filled: SqlStore) -> None:
        filled.write(lambda tx: tx.compact(4))
        filled.write(lambda tx: tx.compact(2))
        assert filled.read(lambda r: r.meta()).compacted == 4
        filled.write(lambda tx: tx.compact(1000))
        assert filled.read(lambda r: r.meta()).compacted == 10
        assert filled.read(lambda r: r.events(0, 99)) == []
        filled.write(lambda tx: tx.event("new", "", {}))
        assert [e.revision for e in filled.read(lambda r: r.events(10, 99))] == [11]

    def test_a_unit_does_not_see_what_it_compacted(self, filled: SqlStore) -> None:
        def work(tx: Transaction) -> list[int]:
            tx.event("new", "", {})
            tx.compact(9)
            return [e.revision for e in tx.events(0, 99)]

        assert filled.write(work) == [10, 11]


class TestAudit:
    @pytest.fixture
    def filled(self, store: SqlStore, where: str) -> Iterator[str]:
        for n in range(5):
            store.write(lambda tx, n=n: tx.record(ME, f"did-{n}", THING, {"n": n}))
        assert store.check() == []
        kept = dump(where)["audit"]
        meta = raw(where, "SELECT audit_head, audit_count FROM meta")[0]
        yield where
        raw(where, "DELETE FROM audit")
        for row in kept:
            raw(where, f"INSERT INTO audit VALUES ({', '.join('?' * len(row))})", *row)
        raw(where, "UPDATE meta SET audit_head = ?, audit_count = ?", *meta)

    def test_an_entry_says_who_what_and_in_which_request(self, store: SqlStore) -> None:
        store.write(lambda tx: tx.record(ME, "created", THING, {"spec": {"size": 1}}))
        (entry,) = store.read(lambda r: r.audit(0, 10))
        assert entry[:1] == (1,)
        assert entry[2:8] == ("me", "request-1", "created", THING, {"spec": {"size": 1}}, "")
        assert store.read(lambda r: r.meta()).audit_head == entry.digest

    @pytest.mark.parametrize("column", [c.name for c in METADATA.tables["audit"].columns])
    @pytest.mark.parametrize("sequence", [1, 3, 5])
    def test_any_edit_is_found(
        self, store: SqlStore, filled: str, column: str, sequence: int
    ) -> None:
        value = {"sequence": 77, "detail": '{"n":9}'}.get(column, "else")
        raw(filled, f"UPDATE audit SET {column} = ? WHERE sequence = ?", value, sequence)
        assert store.check() != []

    @pytest.mark.parametrize("sequence", range(1, 6))
    def test_any_removal_is_found(self, store: SqlStore, filled: str, sequence: int) -> None:
        raw(filled, "DELETE FROM audit WHERE sequence = ?", sequence)
        assert store.check() != []

    def test_a_cut_end_is_found(self, store: SqlStore, filled: str) -> None:
        raw(filled, "DELETE FROM audit WHERE sequence > 2")
        assert store.check() == ["the audit does not end where the state says it does"]

    def test_all_of_it_gone_is_found(self, store: SqlStore, filled: str) -> None:
        raw(filled, "DELETE FROM audit")
        assert store.check() != []

    @pytest.mark.parametrize("sequence", [-5, 0, 6, 99])
    def test_an_added_entry_is_found(self, store: SqlStore, filled: str, sequence: int) -> None:
        raw(
            filled,
            "INSERT INTO audit SELECT ?, at, actor, request_id, action, address, detail, previous, "
            "digest FROM audit WHERE sequence = 5",
            sequence,
        )
        assert store.check() != []

    def test_a_changed_order_is_found(self, store: SqlStore, filled: str) -> None:
        raw(filled, "UPDATE audit SET sequence = 100 WHERE sequence = 2")
        raw(filled, "UPDATE audit SET sequence = 2 WHERE sequence = 3")
        raw(filled, "UPDATE audit SET sequence = 3 WHERE sequence = 100")
        assert store.check() != []

    def test_another_head_is_found(self, store: SqlStore, filled: str) -> None:
        raw(filled, "UPDATE meta SET audit_head = ?", "else")
        assert store.check() != []

    def test_another_count_is_found(self, store: SqlStore, filled: str) -> None:
        raw(filled, "UPDATE meta SET audit_count = 9")
        assert store.check() != []

    def test_a_chain_longer_than_one_read(self, store: SqlStore) -> None:
        store.write(lambda tx: [tx.record(ME, "did", "", {"n": n}) for n in range(2100)])
        assert store.check() == []
        assert len(store.read(lambda r: r.audit(2000, 500))) == 100


class TestPlansAndJournal:
    def test_plans_by_status_and_journals_by_plan(self, store: SqlStore) -> None:
        plans = [
            StoredPlan(d, s, "{}", "then", "me", {}, 0)
            for d, s in (("b", "planned"), ("a", "planned"), ("c", "applied"))
        ]
        steps = [Step(p, n, THING, "create", "intent") for p in "ab" for n in (1, 0)]

        def work(tx: Transaction) -> None:
            for plan in plans:
                tx.put_plan(plan)
            for step in steps:
                tx.put_step(step)

        store.write(work)
        assert [p.digest for p in store.read(lambda r: r.plans("planned"))] == ["a", "b"]
        assert [s.position for s in store.read(lambda r: r.journal("a"))] == [0, 1]

        def change(tx: Transaction) -> Any:
            tx.put_plan(plans[1]._replace(status="applied"))
            tx.put_step(Step("a", 1, THING, "create", "done"))
            tx.put_step(Step("a", 2, THING, "create", "intent"))
            return tx.plans("planned"), tx.plans("applied"), tx.journal("a")

        planned, applied, journal = store.write(change)
        assert [p.digest for p in planned] == ["b"]
        assert [p.digest for p in applied] == ["a", "c"]
        assert [(s.position, s.status) for s in journal] == [
            (0, "intent"),
            (1, "done"),
            (2, "intent"),
        ]
        assert store.read(lambda r: r.journal("a")) == journal


class TestLostConnections:
    """A commit whose answer is lost may be stored; before it nothing is."""

    @pytest.mark.parametrize(
        ("point", "words"),
        [("store.before_commit", "it is unknown whether"), ("store.begun", "nothing was stored")],
    )
    def test_what_is_said(
        self, postgres: Any, monkeypatch: pytest.MonkeyPatch, point: str, words: str
    ) -> None:
        where = postgres.database()
        store = SqlStore(where)

        def lose(name: str) -> None:
            if name == point:
                raw(where, _END_OTHERS)

        with monkeypatch.context() as patched:
            patched.setattr(sql, "hit", lose)
            with pytest.raises(Unavailable, match=words):
                store.write(lambda tx: tx.advance())
        assert store.write(lambda tx: tx.advance()) == 1
        store.close()


_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid <> pg_backend_pid() AND datname = current_database()"
)


class TestPlaces:
    @pytest.mark.parametrize("given", ["postgres://u:p@h/db?x=1", "postgresql://u:p@h/db?x=1"])
    def test_postgres_means_psycopg(self, given: str) -> None:
        assert url_of(given) == "postgresql+psycopg://u:p@h/db?x=1"
        assert not is_file(given)

    def test_anything_else_is_a_file(self) -> None:
        assert url_of("/a/b.db") == url_of("sqlite:////a/b.db") == "sqlite:////a/b.db"

    def test_other_databases_are_refused(self) -> None:
        with pytest.raises(InvalidRequest, match="--state"):
            url_of("mysql://h/db")

    @pytest.mark.parametrize(
        "given",
        [
            "postgresql://u:canary@host:notaport/db",
            "postgresql://u:canary@ss@host/db",
            "postgresql://u:can@canary/ry@host/db",
            "postgresql://u:7/canary@x:y/db",
            "postgresql://[::1/canary",
            "mysql://u:canary@h/db",
            "postgres+psycopg://u:p@canary@h/db?password=canary",
        ],
    )
    def test_what_cannot_be_read_is_not_repeated(self, given: str) -> None:
        with pytest.raises(InvalidRequest, match="--state") as said:
            url_of(given)
        assert "canary" not in str(said.value)

    def test_errors_of_the_database_have_no_password(self) -> None:
        cited = Exception('no "postgresql://u:canary@h/db?x=1" here')
        said = sql.unavailable(OperationalError("SELECT 1", None, cited))
        assert "canary" not in said.message
        assert "h/db" in said.message

    def test_messages_name_a_place_without_its_password(self) -> None:
        assert shown("postgresql://u:p@s/w@h:1/db?password=p") == "postgresql://h:1/db"
        assert shown("a@b/state.db") == "a@b/state.db"

    def test_what_cannot_be_reached_is_unavailable(self) -> None:
        with pytest.raises(Unavailable, match="nothing was stored"):
            SqlStore("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1")

    def test_a_file_that_is_no_database_is_unavailable_and_left_alone(self, tmp_path: Any) -> None:
        path = tmp_path / "state.db"
        path.write_bytes(b"my notes" * 1000)
        with pytest.raises(Unavailable):
            SqlStore(str(path))
        assert path.read_bytes() == b"my notes" * 1000
