"""Whatever is killed: the function comes back, once, and nothing is left over."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from controlplane.backoff import LONGEST_SECONDS
from tests.acceptance.server import DEADLINE, until
from tests.acceptance.site import Site, workers
from tests.controlplane.hosts import kill, wait_for_end
from tests.robustness.conftest import Say, size

SEED = 7


def children(pid: int) -> list[int]:
    """The pids of children of a process with one thread."""
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# All workers at once: with them is forgotten how often the function failed, and how long to wait.
VICTIMS: dict[str, Callable[[Site, str], list[int]]] = {
    "worker": lambda site, _: workers(site.server),
    "runner": lambda site, _: [site.host.runner],
    "instance": lambda site, id_: [site.host.child(id_)],
    "shim": lambda site, id_: [site.host.shim(id_)],
    "nursery": lambda site, _: children(site.host.runner)[:1],
}
# With these the process of the function ends.
ENDING = ("instance", "shim")
# What fails again and again is started again ever later.
PATIENCE = LONGEST_SECONDS + DEADLINE


def commands(site: Site) -> list[int]:
    """Processes of the function itself."""
    return [pid for pid, line in site.host.processes() if "echo.py" in line and "bwrap" not in line]


def well(site: Site, id_: str, name: str, before: int) -> bool:
    """Whether the function answers, as one process: another one where its own was ended, and with
    nothing left of that."""
    try:
        fresh = site.host.child(id_) != before
        answers = site.host.state(id_) == "running" and site.host.ask(id_) == b"hello"
    except OSError:
        return False
    return answers and fresh is (name in ENDING) and len(commands(site)) == 1


def test_kills(tmp_path: Path, say: Say) -> None:
    rounds, chance = size(50, 5), random.Random(SEED)  # noqa: S311 (an order that is always the same)
    orders = [chance.sample(list(VICTIMS), len(VICTIMS)) for _ in range(rounds // len(VICTIMS))]
    names = [name for order in orders for name in order]
    site = Site(tmp_path)
    with site.server:
        site.login()
        path = site.deployed()
        site.becomes(path, "ACTIVE")
        id_ = site.instance()
        for name in names:
            before = site.host.child(id_)
            for pid in VICTIMS[name](site, id_):
                kill(pid)
            past = partial(well, site, id_, name, before)
            until(past, f"the end of a {name} to be past", PATIENCE)
        site.becomes(path, "ACTIVE")
        runner = site.host.runner
    wait_for_end(runner)
    assert site.host.processes() == []
    say(f"{len(names)} kills of {', '.join(VICTIMS)}: no orphan")
