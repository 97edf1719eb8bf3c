"""Other programs: what they print, and how they fail."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aicr import kubectl, programs
from aicr.errors import AicrError, NotFound, Timeout, Unavailable
from tests.conftest import Program


def test_output_and_input(program: Program) -> None:
    program("echoing", "cat; echo $1")
    assert programs.run(["echoing", "b"], 10, "a\n") == "a\nb\n"


def test_without_input_there_is_none(program: Program) -> None:
    program("asking", "read answer && echo got one || echo nobody there")
    assert programs.run(["asking"], 10) == "nobody there\n"


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ("echo first >&2; echo last >&2; exit 3", Unavailable, "tool failed: last"),
        ("exit 3", Unavailable, "tool failed: no reason given"),
        ("exec sleep 60", Timeout, "tool gave no answer in 0.2 s"),
    ],
)
def test_failures(program: Program, script: str, kind: type[AicrError], words: str) -> None:
    program("tool", script)
    with pytest.raises(kind) as caught:
        programs.run(["tool"], 0.2 if kind is Timeout else 10)
    assert caught.value.message == words


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    """A pipe for a program to hold open, and the end of it that sees it go."""
    path = tmp_path / "held"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield path, reader
    os.close(reader)


def lets_go(reader: int) -> bool:
    """Whether the last program that holds the pipe ends."""
    return bool(select.select([reader], [], [], 30)[0]) and os.read(reader, 1) == b""


def test_what_is_late_is_ended_with_its_helpers(program: Program, held: tuple[Path, int]) -> None:
    path, reader = held
    program("tool", f"sleep 60 > {path} & exec sleep 60")
    with pytest.raises(Timeout):
        programs.run(["tool"], 1)
    assert lets_go(reader)


def test_nothing_is_left_running_when_we_end(program: Program, held: tuple[Path, int]) -> None:
    path, reader = held
    program("tool", f"exec sleep 60 > {path}")
    code = f"""
import threading
from aicr import programs
threading.Thread(target=programs.run, args=(["tool"], 60), daemon=True).start()
open({str(path)!r}).close()  # waits until the program has opened it, too
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert lets_go(reader)


def test_what_cannot_be_started(program: Program) -> None:
    program("tool", "").chmod(0o644)
    with pytest.raises(Unavailable, match="cannot start tool: Permission denied"):
        programs.run(["tool"], 10)


def test_what_is_not_there(no_programs: None) -> None:
    with pytest.raises(NotFound, match="tool is not on the PATH"):
        programs.run(["tool"], 10)


class TestKubectl:
    def test_asking(self, program: Program) -> None:
        program("kubectl", """echo "{\\"asked\\": \\"$*\\"}" """)
        assert kubectl.ask(["get", "nodes"], "/kc", 5) == {
            "asked": "--kubeconfig /kc get nodes -o json --request-timeout=5s"
        }

    def test_several_requests_share_their_time(self, program: Program) -> None:
        program("kubectl", """echo "{\\"asked\\": \\"$*\\"}" """)
        times = iter([100.0, 100.0, 104.0, 110.0])
        asking = kubectl.within(10, None, lambda: next(times))
        assert asking(["version"])["asked"].endswith("--request-timeout=10s")
        assert asking(["get", "nodes"])["asked"].endswith("--request-timeout=6s")
        with pytest.raises(Timeout, match="kubectl get not tried: the 10 s are used up"):
            asking(["get", "pods"])

    @pytest.mark.parametrize("answer", ["", "nodes", "[]"])
    def test_another_answer(self, program: Program, answer: str) -> None:
        program("kubectl", f"echo '{answer}'")
        with pytest.raises(Unavailable, match="kubectl get answered something else"):
            kubectl.ask(["get", "nodes"], None)

    def test_a_missing_object(self, program: Program) -> None:
        program("kubectl", "echo 'Error from server (NotFound): no x' >&2; exit 1")
        with pytest.raises(NotFound, match="no x"):
            kubectl.run(["get", "node", "x"], None)
