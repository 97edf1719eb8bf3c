"""What a plan of 10,000 resources costs, in processes of their own.

    python benchmarks/plan.py

200 files of 50 resources: the first parse; `check` (documents to desired state) and a plan against
an empty state with the cache of parsing warm; the same with 1,000 resources; and the plan of no
change after all of it was applied. The bounds of issue 5: 3 s and 300 MB, 12 times, 1 s.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

FILES = 200
BOUND_SECONDS, BOUND_MB, BOUND_TIMES, BOUND_SAME = 3.0, 300.0, 12.0, 1.0


def generate(directory: Path, count: int) -> None:
    """Resources that refer to each other inside a file, with labels and a nested map each."""
    for file in range(FILES):
        lines = [
            "apiVersion: aicr.nvidia.com/v1alpha1",
            "kind: ControlPlane",
            f"metadata: {{name: part-{file:03}}}",
            "spec:",
            "  resources:",
            "    test:",
            "      things:",
        ]
        for n in range(count // FILES):
            lines += [
                f"        thing-{file:03}-{n:03}:",
                f"          size: {n}",
                "          colour: green",
                f"          home: home-{file}",
                "          shape:",
                f"            image: registry.example.com/team/thing:{n}",
                "            env: {LEVEL: info, REGION: eu-west-1}",
                *([f"          uses: [thing-{file:03}-{n - 1:03}]"] if n % 5 else []),
            ]
        (directory / f"part-{file:03}.yaml").write_text("\n".join(lines) + "\n")


def work(task: str, directory: str, state: str) -> None:
    """Runs in a process of its own: prints seconds of the task, and does it as commands do."""
    from controlplane import documents, planner
    from controlplane.compile import compile_desired
    from controlplane.plan.builder import Options
    from tests.controlplane.engines import NO_CATALOG, apply, opened
    from tests.controlplane.some_kinds import KINDS

    def manifests() -> Any:
        return documents.parsed(documents.read(directory))

    if task == "parse":
        manifests()
    elif task == "check":
        compile_desired(manifests(), {}, KINDS, NO_CATALOG)
    else:
        with opened(state) as engine:
            asked = planner.Asked(manifests(), {}, {}, Options())
            made = planner.make(engine, NO_CATALOG, asked).plan
            made.text()
            if task == "apply":
                apply(engine, made)
            if made.is_empty is not (task == "same"):
                sys.exit(f"not what was to be measured: {made.summary()}")


def measured(task: str, directory: Path, state: Path, cache: Path) -> tuple[float, float]:
    """Seconds of a cold process, imports included, and its peak memory in MB."""
    started = time.perf_counter()
    said = subprocess.run(
        [sys.executable, __file__, task, str(directory), str(state)],
        capture_output=True,
        text=True,
        env={**os.environ, "AICR_CACHE_DIR": str(cache)},
        check=False,
    )
    seconds = time.perf_counter() - started
    if said.returncode:
        sys.exit(said.stderr)
    return seconds, float(said.stdout.splitlines()[-1])


def profiled(task: str, directory: Path, state: Path, cache: Path) -> None:
    os.environ["AICR_CACHE_DIR"] = str(cache)
    profile = cProfile.Profile()
    profile.runcall(work, task, str(directory), str(state))
    pstats.Stats(profile).sort_stats("tottime").print_stats(15)


def main() -> int:
    good = True
    seconds: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for count in (1_000, 10_000):
            place = Path(name, str(count))
            docs, cache = place / "docs", place / "cache"
            docs.mkdir(parents=True)
            generate(docs, count)
            first, _ = measured("parse", docs, place / "none.db", cache)
            check, check_mb = measured("check", docs, place / "none.db", cache)
            planned, mb = measured("plan", docs, place / "empty.db", cache)
            seconds[count] = planned
            applied, _ = measured("apply", docs, place / "full.db", cache)
            same, same_mb = measured("same", docs, place / "full.db", cache)
            print(
                f"{count:,} resources in {FILES} files: first parse {first:.2f} s, then check "
                f"{check:.2f} s ({check_mb:.0f} MB), check + plan {planned:.2f} s ({mb:.0f} MB), "
                f"plan + apply {applied:.2f} s, plan of no change {same:.2f} s ({same_mb:.0f} MB)"
            )
        if planned > BOUND_SECONDS or mb > BOUND_MB:
            good = False
            profiled("plan", docs, place / "empty.db", cache)
        if same > BOUND_SAME + check:  # the manifests are read in it, too
            good = False
        if same > BOUND_SAME:
            profiled("same", docs, place / "full.db", cache)
    ratio = seconds[10_000] / seconds[1_000]
    print(f"10 times the resources: {ratio:.1f} times the seconds (bound {BOUND_TIMES})")
    return 0 if good and ratio <= BOUND_TIMES else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(*sys.argv[1:])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        sys.exit()
    sys.exit(main())
