"""The same input gives the same bytes, whatever the machine is like."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from aicr.bundle.deployers import DEPLOYERS
from tests.conftest import ROOT
from tests.test_resolve import NAMES

MACHINES = [
    {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8", "umask": 0o022, "cwd": "/"},
    {"PYTHONHASHSEED": "4711", "TZ": "Asia/Kathmandu", "LC_ALL": "C", "umask": 0o077, "cwd": "."},
]


def test_every_bundle_is_the_same_on_two_machines(tmp_path: Path) -> None:
    started = []
    for number, machine in enumerate(MACHINES):
        target = tmp_path / str(number)
        target.mkdir(mode=0o755)
        variables = {k: v for k, v in machine.items() if isinstance(v, str) and k != "cwd"}
        env = {**os.environ, **variables, "PYTHONPATH": str(ROOT)}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.bundle.all_bundles", str(target)],
                env=env,
                cwd=tmp_path / str(machine["cwd"]),
                umask=int(machine["umask"]),
                stdout=subprocess.PIPE,
                text=True,
            )
        )
    printed = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert printed[0] == printed[1]
    assert printed[0].startswith(f"{len(NAMES) * len(DEPLOYERS) * 2} ")
