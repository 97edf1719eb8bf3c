"""Turns of writers: one after the other, and nobody waits for one who was stopped."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from controlplane.state.turns import Turns


def test_one_after_the_other(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    one, other = Turns(path), Turns(path)
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with other.mine():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with one.mine():
        inside.set()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    one.close()
    other.close()


def test_who_is_stopped_holds_up_nobody(tmp_path: Path) -> None:
    path = str(tmp_path / "state.db")
    one, other = Turns(path), Turns(path)
    with one.mine():
        with other.mine(0.0):  # goes on without
            pass
        third = Turns(path)
        assert not third._take(0.0)  # and has taken nothing from who holds it
        third.close()
    one.close()
    other.close()


def test_without_a_path_there_is_nothing_to_wait_for(tmp_path: Path) -> None:
    nowhere = Turns()
    with nowhere.mine(), nowhere.mine():
        pass
    nowhere.close()
    assert os.listdir(tmp_path) == []
