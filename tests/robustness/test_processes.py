"""Whatever is killed: the function comes back, once, and nothing is left over."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from tests.acceptance.server import until
from tests.acceptance.site import Site, workers
from tests.controlplane.hosts import kill, wait_for_end
from tests.robustness.conftest import Say, size

SEED = 7


def children(pid: int) -> list[int]:
    """The pids of children of a process with one thread."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


VICTIMS: dict[str, Callable[[Site, str], int]] = {
    "worker": lambda site, _: workers(site.server)[0],
    "runner": lambda site, _: site.host.runner,
    "instance": lambda site, id_: site.host.child(id_),
    "shim": lambda site, id_: site.host.shim(id_),
    "nursery": lambda site, _: children(site.host.runner)[0],
}


def commands(site: Site) -> list[int]:
    """Processes of the function itself."""
    return [pid for pid, line in site.host.processes() if "echo.py" in line and "bwrap" not in line]


def well(site: Site, id_: str) -> bool:
    """Whether the function answers."""
    try:
        return site.host.state(id_) == "running" and site.host.ask(id_) == b"hello"
    except OSError:
        return False


def test_kills(tmp_path: Path, say: Say) -> None:
    rounds, chance = size(50, 5), random.Random(SEED)  # noqa: S311 (an order that is always the same)
    names = list(VICTIMS) * (rounds // len(VICTIMS))
    chance.shuffle(names)
    site = Site(tmp_path)
    with site.server:
        site.login()
        path = site.deployed()
        site.becomes(path, "ACTIVE")
        id_ = site.instance()
        for name in names:
            kill(VICTIMS[name](site, id_))
            until(lambda: well(site, id_), f"the function, after the kill of a {name}")
            assert len(commands(site)) == 1, name
        site.becomes(path, "ACTIVE")
        runner = site.host.runner
    wait_for_end(runner)
    assert site.host.processes() == []
    say(f"{len(names)} kills of {', '.join(VICTIMS)}: no orphan")
