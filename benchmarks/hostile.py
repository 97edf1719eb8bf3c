"""Time and peak memory of refusing each hostile YAML document of the tests, one process each.

    python benchmarks/hostile.py

The bounds of issue 2: 100 ms beyond the imports that any parse needs, and 50 MB.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent


def one(name: str) -> None:
    from aicr import yamlio, yamlparse  # noqa: F401 (imports are not what is measured)
    from aicr.diagnostics import InvalidDocument
    from tests.test_yamlio import HOSTILE

    start = time.perf_counter()
    try:
        yamlio.parse(HOSTILE[name][0], "evil.yaml")
    except InvalidDocument as e:
        elapsed = 1000 * (time.perf_counter() - start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{elapsed:8.1f} ms {peak:7.1f} MB  {name}: {e}"[:120])


def main() -> int:
    from tests.test_yamlio import HOSTILE

    for name in HOSTILE:
        subprocess.run([sys.executable, __file__, name], check=True, env={"PYTHONPATH": str(ROOT)})
    return 0


if __name__ == "__main__":
    sys.exit(one(sys.argv[1]) if len(sys.argv) > 1 else main())
