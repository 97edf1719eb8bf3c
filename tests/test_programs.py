"""Other programs: what they print, and how they fail."""

from __future__ import annotations

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

    @pytest.mark.parametrize("answer", ["", "nodes", "[]"])
    def test_another_answer(self, program: Program, answer: str) -> None:
        program("kubectl", f"echo '{answer}'")
        with pytest.raises(Unavailable, match="kubectl get answered something else"):
            kubectl.ask(["get", "nodes"], None)

    def test_a_missing_object(self, program: Program) -> None:
        program("kubectl", "echo 'Error from server (NotFound): no x' >&2; exit 1")
        with pytest.raises(NotFound, match="no x"):
            kubectl.run(["get", "node", "x"], None)
