"""Starting instances: how long until one answers, and how many tasks end in a second.

    python benchmarks/runtime.py [starts] [tasks]

Ratios against the same commands without us, in the same run: a bare Python, and a plain loop.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from controlplane.runner import files
from controlplane.runtime.images import BUILT_IN
from controlplane.runtime.process import Process, end
from controlplane.runtime.protocol import Instance
from controlplane.wire import line

PROBE: Any = {"protocol": "HTTP", "uri": "/health", "port": 8000, "timeout": 5.0, "status": 200}
ECHO: Any = {"image": "samples.aicr.local/echo:1", "port": 8000, "probe": PROBE, "grace": 5.0}
TRUE: Any = {"image": "samples.aicr.local/true:1", "once": True}


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def wait(home: str, done: Callable[[list[Any]], bool]) -> None:
    """Until the runner's instances are so; it says when they change."""
    with line(f"{home}/{files.SOCKET}", 120) as ear:
        while not done(ear.ask("look")):
            ear._read()  # noqa: SLF001 (whatever it says next)


def cold(process: Process, home: str, number: int) -> float:
    instance = Instance(f"uid/{number}/d", "bench.things.a", str(number), "d")

    def start() -> None:
        process.start(instance, ECHO, {})
        wait(home, lambda found: found[0]["state"] != "starting")

    seconds = timed(start)
    (shown,) = process.look()
    if shown.health.state != "running":
        sys.exit(f"echo does not start: {shown.health}")
    process.stop(instance.id)
    wait(home, lambda found: not found)
    return seconds


def tasks(process: Process, home: str, count: int) -> float:
    def run() -> None:
        for n in range(count):
            process.start(Instance(f"task/{n}/d", "bench.tasks.a", str(n), "d"), TRUE, {})
        wait(home, lambda found: sum(i["state"] == "ended" for i in found) == count)

    return timed(run)


def main() -> None:
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    bare = [sys.executable, "-I", "-S", "-c", "pass"]
    true = next(i.command for i in BUILT_IN if i.image.endswith("/true"))
    spawn = statistics.median(
        timed(lambda: subprocess.run(bare, check=True)) for _ in range(starts)
    )
    loop = timed(lambda: [subprocess.run(true, check=True) for _ in range(count)])
    with tempfile.TemporaryDirectory() as home:
        process = Process(home)
        process.hold()
        process.spawn()
        found = [cold(process, home, n) for n in range(starts)]
        took = tasks(process, home, count)
        (isolation,) = {s.isolation for s in process.look()}
        end(home, 60)
    p50 = statistics.median(found)
    print(f"isolation {isolation}, {os.cpu_count()} cores")
    print(
        f"cold start of echo: p50 {p50 * 1000:.0f} ms, max {max(found) * 1000:.0f} ms ({p50 / spawn:.1f} x a bare Python, {spawn * 1000:.0f} ms)"
    )
    print(
        f"tasks of true: {count / took:.0f}/s ({loop / took:.2f} x a plain loop, {count / loop:.0f}/s)"
    )


if __name__ == "__main__":
    main()
