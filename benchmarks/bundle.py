"""How long a bundle takes: a whole process as a ratio to `import click`, and bundles a second.

    python benchmarks/bundle.py [path of the aicr to measure]

The bounds of issue 3: 4 times `import click` for the 13-component kubeflow recipe; 120 bundles a
second in one warm process with a different --set each time; flat memory.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

CRITERIA = (
    "--service eks --accelerator h100 --intent training --os ubuntu --platform kubeflow".split()
)
N, BUNDLES = 20, 600


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    program = sys.argv[1] if len(sys.argv) > 1 else shutil.which("aicr") or "aicr"
    python = str(Path(program).with_name("python"))
    with tempfile.TemporaryDirectory() as scratch:
        recipe = f"{scratch}/r.yaml"
        subprocess.run([program, "recipe", *CRITERIA, "-o", recipe], check=True)
        commands = (
            [python, "-c", "import click"],
            [program, "bundle", "-r", recipe, "-o", f"{scratch}/b"],
            [program, "bundle", "-r", recipe, "-o", f"{scratch}/b.zip"],
        )
        samples = [[seconds(command) for command in commands] for _ in range(N)]
        click, directory, archive = (median(column) for column in zip(*samples, strict=True))
        print(f"import click           {1000 * click:7.1f} ms")
        print(f"aicr bundle, directory {1000 * directory:7.1f} ms  {directory / click:.2f}x")
        print(f"aicr bundle, zip       {1000 * archive:7.1f} ms  {archive / click:.2f}x")
    subprocess.run([python, __file__, "--warm"], check=True)
    return 0


def warm() -> int:
    from aicr import catalog
    from aicr.bundle.assemble import assemble
    from aicr.bundle.options import Options
    from aicr.bundle.settings import parse_all
    from aicr.criteria import Criteria
    from aicr.resolve import resolve

    known = catalog.load()
    given = dict(zip((w[2:] for w in CRITERIA[::2]), CRITERIA[1::2], strict=True))
    recipe = resolve(known, Criteria.of(known.fields, given)).document("v")
    peaks = []
    start = time.perf_counter()
    for i in range(BUNDLES):
        settings = tuple(parse_all([f"gpuoperator:driver.version={i}"]))
        assemble(known, recipe, Options(settings=settings))
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    rate = BUNDLES / (time.perf_counter() - start)
    print(f"warm, one process      {rate:7.1f} bundles/s")
    print(f"memory after 100 and {BUNDLES}: {peaks[100] / 1024:.1f} MB, {peaks[-1] / 1024:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(warm() if sys.argv[1:] == ["--warm"] else main())
