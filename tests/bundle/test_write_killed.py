"""kill -9 while a bundle is written: the old one or the new one, never a mix, and never for good."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from aicr.bundle import checksums, provenance
from aicr.bundle.files import BundleFile, text
from aicr.bundle.verify import verify
from aicr.bundle.write import write
from tests.conftest import ROOT

ROUNDS = 50
_WRITER = """
import sys
from aicr.bundle.files import text
from aicr.bundle import checksums
from aicr.bundle.write import write
for generation in range(1000):
    files = [text(f"{d}/{i}", f"{generation}\\n") for d in "abcd" for i in range(10)]
    files.append(text("provenance.json", "https://aicr.nvidia.com/bundle/v1"))
    files.append(checksums.of(files))
    write(files, sys.argv[1])
    if generation == 1:
        print("ready", flush=True)
"""


_OURS = (checksums.NAME, provenance.NAME)


def generations(at: Path) -> set[str]:
    return {p.read_text() for p in at.rglob("*") if p.is_file() and p.name not in _OURS}


def test_killed_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311 (any moment will do)
    target = tmp_path / "b"
    for _ in range(ROUNDS):
        command = [sys.executable, "-c", _WRITER, str(target)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as writer:
            assert writer.stdout
            assert writer.stdout.readline() == b"ready\n"
            _wait(chance.uniform(0, 0.03))
            writer.send_signal(signal.SIGKILL)
        assert verify(str(target)).passed
        assert len(generations(target)) == 1
    files: list[BundleFile] = [text("x", "last\n")]
    write([*files, checksums.of(files)], str(target))
    assert generations(target) == {"last\n"}
    assert [p.name for p in tmp_path.iterdir()] == ["b"]


def _wait(seconds: float) -> None:
    """Busy: the moment of the kill is the point, and sleeping is too coarse for it."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
