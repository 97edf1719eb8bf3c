"""AICR_HOME: private from the first byte, made once, whoever makes it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aicr.errors import InvalidRequest
from controlplane.home import Home, home
from controlplane.local import engine_at, open_engine
from controlplane.state.sql import shown
from controlplane.vault import ring_of


@pytest.fixture(params=[0o000, 0o077, 0o022])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_everything_in_it_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "deep" / "home"
    monkeypatch.setenv("AICR_HOME", str(place))
    with open_engine() as engine:
        engine.store.write(lambda tx: tx.advance())
        home().token()
        names = {"state.db", "state.db-wal", "state.db-shm", "state.db-turns"}
        names |= {"keys", "ring.json", "admin.token"}
        assert {p.name for p in place.rglob("*")} == names
        modes = {p.name: p.stat().st_mode & 0o777 for p in (place, *place.rglob("*"))}
    assert modes.pop("home") == modes.pop("keys") == 0o700
    assert set(modes.values()) == {0o600}


def test_what_was_made_is_kept(tmp_path: Path) -> None:
    first, second = Home(str(tmp_path)), Home(str(tmp_path))
    assert second.known_token() == ""
    assert first.token() == second.token() == second.known_token()
    assert first.vault()._ring == second.vault()._ring


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    place = tmp_path / "home"
    assert Home(str(place)).known_token() == ""
    assert not place.exists()


def test_a_replaced_file_is_whole_and_private(tmp_path: Path) -> None:
    place = Home(str(tmp_path))
    place.token()
    place.replace("admin.token", "new\n")
    assert place.token() == "new"
    assert (tmp_path / "admin.token").stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["admin.token"]


def _make(path: str, barrier: object, queue: object) -> None:
    barrier.wait()
    place = Home(path)
    queue.put((place.token(), place.vault()._first.id))


def test_of_several_processes_one_makes_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(4), context.SimpleQueue()
    processes = [
        context.Process(target=_make, args=(str(tmp_path), barrier, queue)) for _ in range(4)
    ]
    for process in processes:
        process.start()
    made = {queue.get() for _ in processes}
    for process in processes:
        process.join()
    assert len(made) == 1
    assert sorted(os.listdir(tmp_path)) == ["admin.token", "keys"]
    assert os.listdir(tmp_path / "keys") == ["ring.json"]


def _rotate(path: str, barrier: object) -> None:
    barrier.wait()
    place = Home(path)
    for _ in range(10):
        with place.rotating():
            place.put_new_key()


def test_keys_that_are_added_at_once_are_all_kept(tmp_path: Path) -> None:
    Home(str(tmp_path)).vault()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    processes = [context.Process(target=_rotate, args=(str(tmp_path), barrier)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    ring = ring_of((tmp_path / "keys" / "ring.json").read_bytes(), "ring")
    assert len(ring) == len({key.id for key in ring}) == 21


def test_names_are_durable_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rename, or a link, is on the disk only when its directory is."""
    synced: list[str] = []
    monkeypatch.setattr(
        os, "fsync", lambda handle: synced.append(os.readlink(f"/proc/self/fd/{handle}"))
    )
    place, keys = Home(str(tmp_path)), str(tmp_path / "keys")
    place.vault()
    assert synced[-1] == keys
    synced.clear()
    place.put_new_key()
    assert synced[-1] == keys


def test_a_state_belongs_to_its_ring(where: str, tmp_path: Path) -> None:
    first, other = Home(str(tmp_path / "first")), Home(str(tmp_path / "other"))
    with closing(engine_at(first, where).store):
        pass
    with pytest.raises(InvalidRequest, match="AICR_HOME") as said:
        engine_at(other, where)
    assert other.ring in said.value.message
    assert shown(where) in said.value.message
    assert not other.has_ring, "one was made that nobody can use"
    other.vault()
    with pytest.raises(InvalidRequest, match="another key ring"):
        engine_at(other, where)
    first.put_new_key()
    with closing(engine_at(first, where).store):
        pass


def test_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AICR_HOME", str(tmp_path / "x"))
    assert home().state == str(tmp_path / "x" / "state.db")
    monkeypatch.delenv("AICR_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home().path == str(tmp_path / ".aicr")


def test_a_home_that_cannot_be_made_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidRequest, match="AICR_HOME"):
        Home(str(tmp_path / "file" / "home")).token()


def test_a_ring_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ring.json").write_text("{}")
    with pytest.raises(InvalidRequest, match=r"ring\.json is no key ring"):
        Home(str(tmp_path)).vault()
