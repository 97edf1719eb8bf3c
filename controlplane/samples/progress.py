"""`samples.aicr.local/progress`: a task that says how far it is, leaves results, and ends.

--steps N      how many steps (4)
--seconds S    how long each takes (0)
--fail-at N    end with status 1 before step N
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--fail-at", type=int, default=0)
    return parser.parse_args()


def _put(path: str, text: str) -> None:
    """A file that is there whole or not at all: whoever watches never reads half of it."""
    with open(f"{path}.part", "w", encoding="utf-8") as f:
        f.write(text)
    os.replace(f"{path}.part", path)


def _report(percent: int, step: int) -> None:
    path = os.environ.get("NVCT_PROGRESS_FILE_PATH")
    if path is None:
        return
    body = {
        "taskId": os.environ.get("NVCT_TASK_ID", ""),
        "percentComplete": percent,
        "name": f"step-{step}",
        "metadata": {"step": step},
        "lastUpdatedAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    _put(path, json.dumps(body))


def main() -> int:
    """Go through the steps."""
    given = _arguments()
    results = os.environ.get("NVCT_RESULTS_DIR")
    for step in range(1, given.steps + 1):
        time.sleep(given.seconds)
        if step == given.fail_at:
            print(f"step {step} failed", file=sys.stderr, flush=True)  # noqa: T201
            return 1
        if results is not None:
            os.makedirs(f"{results}/step-{step}", exist_ok=True)
            _put(f"{results}/step-{step}/result.txt", f"result of step {step}\n")
        _report(max(100 * step // given.steps, 1), step)
        print(f"step {step} of {given.steps}", flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
