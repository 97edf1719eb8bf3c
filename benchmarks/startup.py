"""How long one answer takes, as a ratio to `import click` in the same run.

    python benchmarks/startup.py [path of the aicr to measure]

Whole processes, interleaved, median of N; peak memory from the kernel. The bounds are those of
issue 2: at most 1.4 times `import click`, at most 40 MB, 3240 combinations in a second, an external
catalog of 200 overlays in two seconds at first use and as fast as the built-in one afterwards.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path
from statistics import median

N = 40
ARGUMENTS = "recipe --service eks --accelerator h100 --intent training --format json".split()


def seconds(command: list[str], env: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    return time.perf_counter() - start


def interleaved(commands: list[list[str]], env: dict[str, str]) -> list[float]:
    """Median seconds of each command; taking turns, so that a busy machine slows all alike."""
    samples: list[list[float]] = [[] for _ in commands]
    for _ in range(N):
        for i, command in enumerate(commands):
            samples[i].append(seconds(command, env))
    return [median(s) for s in samples]


def external_catalog(directory: Path, overlays: int) -> None:
    header = "apiVersion: aicr.nvidia.com/v1alpha1\nkind: ComponentRegistry\ncomponents: []\n"
    (directory / "overlays").mkdir()
    (directory / "registry.yaml").write_text(header)
    for i in range(overlays):
        (directory / "overlays" / f"site-{i:03}.yaml").write_text(
            "kind: RecipeMetadata\napiVersion: aicr.nvidia.com/v1alpha1\n"
            f"metadata:\n  name: site-{i:03}\nspec:\n  base: h100-eks-training\n"
            f"  criteria: {{service: eks, accelerator: h100, intent: training, nodes: {i + 1}}}\n"
            "  constraints:\n    - {name: OS.release.ID, value: ubuntu}\n"
            "  componentRefs:\n    - name: gpu-operator\n      overrides:\n"
            f"        driver: {{version: 580.{i}.1, enabled: true}}\n"
            "        toolkit: {enabled: false}\n        daemonsets:\n          labels: {a: b}\n"
        )


def main() -> int:
    program = sys.argv[1] if len(sys.argv) > 1 else shutil.which("aicr") or "aicr"
    python = str(Path(program).with_name("python"))
    with tempfile.TemporaryDirectory() as scratch:
        env = {**os.environ, "AICR_CACHE_DIR": f"{scratch}/cache"}
        catalog = Path(scratch, "catalog")
        catalog.mkdir()
        external_catalog(catalog, 200)
        answer = [program, *ARGUMENTS]
        outside = [*answer, "--data", str(catalog), "--nodes", "7"]
        first = seconds(outside, env)
        seconds(answer, env)
        click, builtin, external = interleaved(
            [[python, "-c", "import click"], answer, outside], env
        )
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        subprocess.run([python, __file__, "--all"], env=env, check=True)
    print(f"import click                       {1000 * click:7.1f} ms")
    print(
        f"aicr recipe                        {1000 * builtin:7.1f} ms  {builtin / click:.2f}x click"
    )
    print(
        f"aicr recipe --data (200 overlays)  {1000 * external:7.1f} ms  "
        f"{external / builtin:.2f}x built-in"
    )
    print(f"  first use                        {1000 * first:7.1f} ms")
    print(f"peak memory of any of these        {peak / 1024:7.1f} MB (first use compiles)")
    return 0


def all_combinations() -> int:
    """In this process: every combination of the built-in criteria values."""
    from aicr import catalog
    from aicr.criteria import ANY, Criteria
    from aicr.resolve import resolve

    start = time.perf_counter()
    known = catalog.load()
    values = [[ANY, *field.values] for field in known.fields.values()]
    count = 0
    for combination in product(*values):
        for nodes in (0, 8):
            given = dict(zip(known.fields, combination, strict=True))
            resolve(known, Criteria.of(known.fields, given, nodes)).document("v")
            count += 1
    print(f"{count} combinations in one process   {time.perf_counter() - start:7.3f} s")
    return 0


if __name__ == "__main__":
    sys.exit(all_combinations() if sys.argv[1:] == ["--all"] else main())
