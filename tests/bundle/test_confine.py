"""Templates of external catalogs: stopped within two seconds and 256 MB, whatever they try."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aicr.bundle.confine import SECONDS, Confined
from aicr.errors import Internal, InvalidRequest
from aicr.render import Renderer
from tests.conftest import ROOT

EXHAUSTING = {
    "text": "{{ 'x' * 10 ** 10 }}",
    "number": "{{ 10 ** (10 ** 10) }}",
    "loops": "{% set a = 'x' * 1000 %}" + "{% for i in a %}" * 6 + "y" + "{% endfor %}" * 6,
    "growth": "{% set a = ['x' * 1000000] %}{% for i in 'x' * 1000000 %}{{ a[0] * 10 }}{% endfor %}",
    "macro": "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
    "include": "{% include 'm' %}",
    "nesting": "{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}",
    "blocks": "{% for a in 'x' %}" * 500 + "{% endfor %}" * 500,
    "format": "{{ '%999999999d' % 1 }}",
}  # fmt: skip


@pytest.mark.parametrize("name", EXHAUSTING)
def test_exhaustion_is_stopped(name: str) -> None:
    confined = Confined({"m": EXHAUSTING[name], "fine": "{{ a }}"})
    start = time.monotonic()
    with pytest.raises(InvalidRequest, match="m"):
        confined.render("m")
    assert time.monotonic() - start < SECONDS + 4  # of a busy machine; the limit is of its own time
    assert confined.render("fine", a=1) == "1"


# In a process without other children: the system tells only what the largest of them ever had.
MEASURED = """
import gc, resource, sys
from aicr.bundle.confine import Confined
from aicr.errors import InvalidRequest
confined = Confined({"m": sys.argv[1]})
try:
    confined.render("m")
    stopped = False
except InvalidRequest:
    stopped = True
del confined  # its process is waited for, and so counts
gc.collect()
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 if stopped else 0)
"""


@pytest.mark.parametrize("name", EXHAUSTING)
def test_exhaustion_takes_no_more_memory_than_it_may(name: str) -> None:
    asked = [sys.executable, "-c", MEASURED, EXHAUSTING[name]]
    ran = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True)
    assert 0 < int(ran.stdout) < 256 * 1024 * 1024


def test_it_renders_like_the_other() -> None:
    texts = {
        "m": "{{ values.a | yaml(2) }} {{ 'x y' | sh }}",
        "bad": "{{ values.b }}",
        "syntax": "{% if",
    }
    names = {"values": {"a": {"b": ["é", None, 1.5]}}}
    confined, plain = Confined(texts), Renderer(texts)
    assert confined.render("m", **names) == plain.render("m", **names)
    for path in ("bad", "syntax"):
        with pytest.raises(InvalidRequest) as here:
            plain.render(path, **names)
        with pytest.raises(InvalidRequest) as there:
            confined.render(path, **names)
        assert there.value.message == here.value.message


def test_nothing_is_left_behind() -> None:
    confined = Confined({"m": "x"})
    confined.render("m")
    assert confined._worker
    process = confined._worker.process
    assert process.poll() is None
    del confined
    gc.collect()
    assert process.poll() is not None


def test_modules_do_not_come_from_where_somebody_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("jinja2", "json", "aicr"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'pwned')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    assert Confined({"m": "{{ a }}"}).render("m", a=1) == "1"
    assert not (tmp_path / "pwned").exists()


def test_a_process_that_does_not_start_is_not_the_templates_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(Internal, match="does not start"):
        Confined({"m": "x"}).render("m")


def test_it_ends_with_whoever_asked() -> None:
    """A template that spins when its parent is killed stops by itself."""
    program = (
        "from aicr.bundle.confine import Confined\n"
        f"c = Confined({{'fine': 'x', 'm': {EXHAUSTING['loops']!r}}})\n"
        "c.render('fine')\n"
        "print(c._worker.process.pid, flush=True)\n"
        "c.render('m')\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 30
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        os.sched_yield()
    assert not Path(f"/proc/{worker}").exists()
