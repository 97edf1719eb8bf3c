"""examples/ by the commands of docs/controlplane.md, which print what it says they print.

On a file, and behind a server with two workers over SQLite and over PostgreSQL.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import pytest

from controlplane.engine import Engine
from controlplane.families import KINDS
from controlplane.home import Home
from controlplane.local import open_state
from controlplane.state.protocol import Actor
from tests.acceptance.server import Server, until
from tests.conftest import ROOT

DOC = ROOT / "docs/controlplane.md"
FUNCTIONS = ROOT / "docs/functions.md"
README = ROOT / "README.md"
WALK = ("Check", "Plan", "Apply", "Change", "Drift", "Repair", "Destroy")
END = "that was all of it"
SHOW = "aicr state show nvct.tasks.report"
# What a server has from its first start.
OWN = ("access.accounts.nvcf-default", "access.clients.ncp", "sis.clusters.ncp-local")


class Step(NamedTuple):
    """A command of the document, and what stands below it."""

    command: str
    output: str


def steps(section: str, document: Path = DOC) -> list[Step]:
    """The commands below a heading, up to the next one."""
    _, found, rest = document.read_text().partition(f"# {section}\n")
    assert found, f"{document.name} has no section {section}"
    body = re.split(r"\n#+ ", rest)[0]
    made = []
    for block in re.findall(r"```console\n(.*?)```", body, re.S):
        for entry in re.split(r"^\$ ", block, flags=re.M)[1:]:
            lines = entry.splitlines()
            length = next(i for i, line in enumerate(lines) if not line.endswith("\\")) + 1
            made.append(Step("\n".join(lines[:length]), "\n".join(lines[length:])))
    assert made, f"{section} shows no command"
    return made


def plain(text: str) -> str:
    """Output without what differs from run to run, and between a file and a server: times, digests,
    serials, and what a server has of its own."""
    kept = [x for x in text.splitlines() if not x.startswith(OWN)]
    text = "\n".join(kept)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)
    text = re.sub(r"(sha256|hmac):[0-9a-f]{6,}", r"\1:DIGEST", text)
    text = re.sub(r"(serial|serial\":|id:) \d+", r"\1 N", text)
    text = re.sub(r" \d unmanaged left alone\.", "", text)
    return re.sub(r"(?<=\S) {2,}", "  ", text).strip()


class Shell:
    """One bash for all commands, in a copy of the repository's examples, so that what one exports
    the next one sees. Nobody can be asked: there is no terminal."""

    def __init__(self, place: Path, **environment: str) -> None:
        shutil.copytree(ROOT / "examples", place / "examples")
        programs = place / "bin"
        programs.mkdir()
        (programs / "aicr").write_text(f'#!/bin/sh\nexec {sys.executable} -m aicr "$@"\n')
        (programs / "aicr").chmod(0o755)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AICR_")}
        self._bash = subprocess.Popen(
            ["bash"],
            cwd=place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={
                **clean,
                "PATH": f"{programs}:{clean['PATH']}",
                "PYTHONPATH": str(ROOT),
                "AICR_CACHE_DIR": os.environ["AICR_CACHE_DIR"],
                **environment,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.close()
        self._bash.wait(30)
        assert self._bash.stdout is not None
        self._bash.stdout.close()

    def run(self, command: str) -> str:
        """What a command prints, both streams together."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n%s\\n' '{END}'\n")
        self._bash.stdin.flush()
        lines = []
        for line in self._bash.stdout:
            if line == f"{END}\n":
                break
            lines.append(line)
        return "".join(lines).removesuffix("\n")  # what ends output that ends without one


class World(NamedTuple):
    """Commands, and where the state is that they work on."""

    shell: Shell
    home: Path
    state: str

    def drift(self) -> None:
        """What the document says that somebody does: by the way of every call, past all plans."""
        address = "access.clients.research-ci"
        home = Home(str(self.home))
        engine = Engine(open_state(home, self.state or None), KINDS, home.vault())
        try:

            def work(changes: Any) -> None:
                known = changes.tx.get(address)
                scopes = [*known.spec["scopes"], "plans:apply"]
                changes.update(known, spec={**known.spec, "scopes": scopes})

            engine.change_now(Actor("somebody"), work)
        finally:
            engine.store.close()


FILE, SERVER, POSTGRESQL = "file", "server on SQLite", "server on PostgreSQL"


@pytest.fixture(params=[FILE, SERVER, POSTGRESQL])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    home = tmp_path / "home"
    if request.param == FILE:
        with Shell(tmp_path, AICR_HOME=str(home)) as shell:
            yield World(shell, home, "")
        return
    state = ""
    if request.param == POSTGRESQL:
        state = request.getfixturevalue("postgres").database()
    settings = {"AICR_HOME": str(home), **({"AICR_STATE": state} if state else {})}
    with (
        Server(tmp_path / "log", "--workers", "2", **settings) as server,
        Shell(tmp_path, **credentials(home, state), AICR_SERVER=server.url) as shell,
    ):
        yield World(shell, home, state)
    assert server.process.returncode == 0
    assert "Traceback" not in server.text()


def credentials(home: Path, state: str) -> Mapping[str, str]:
    """Once as on the server's own host, once as from elsewhere."""
    if not state:
        return {"AICR_HOME": str(home)}
    token = (home / "admin.token").read_text().strip()
    return {"AICR_HOME": str(home.parent / "another"), "AICR_TOKEN": token}


def test_the_walk_prints_what_the_document_says(world: World) -> None:
    for section in WALK:
        if section == "Drift":
            world.drift()
        for step in steps(section):
            said = world.shell.run(step.command)
            assert plain(said) == plain(step.output), f"{section}: $ {step.command}"


needs_curl = pytest.mark.skipif(
    not all(map(shutil.which, ("curl", "jq"))), reason="needs curl and jq"
)


@needs_curl
def test_the_calls_print_what_the_document_says(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (
        Server(tmp_path / "log", "--workers", "2", AICR_HOME=str(home)) as server,
        Shell(tmp_path, AICR_HOME=str(home), AICR_SERVER=server.url) as shell,
    ):
        for section in ("Tokens", "Over HTTP", "Events"):
            for step in steps(section):
                assert plain(shell.run(step.command)) == plain(step.output), step.command


@pytest.mark.parametrize(
    "which",
    ["-f examples/staging", "-f examples/production --for region=europe"],
)
def test_every_environment(tmp_path: Path, which: str) -> None:
    secrets = {"STAGING_WEBHOOK_SECRET": "a", "PRODUCTION_WEBHOOK_SECRET": "b"}
    with Shell(tmp_path, AICR_HOME=str(tmp_path / "home"), **secrets) as shell:
        assert "0 errors" in shell.run(f"aicr check {which}")
        assert "Applied:" in shell.run(f"aicr apply {which} --yes")
        assert "No changes." in shell.run(f"aicr plan {which}")
        shell.run("aicr state unprotect aicr.clusters.main")
        assert "Applied:" in shell.run("aicr destroy --yes")
        assert shell.run("aicr state list").splitlines()[1:] == []


def test_two_environments_at_once_are_refused(aicr: Any) -> None:
    ran = aicr("check", "-f", str(ROOT / "examples"))
    assert ran.code == 2
    assert "coin-toss" in ran.out


def test_the_readme_prints_what_it_says(tmp_path: Path) -> None:
    with Shell(tmp_path, AICR_HOME=str(tmp_path / "home")) as shell:
        for step in steps("Desired state", README):
            assert plain(shell.run(step.command)) == plain(step.output), step.command


@needs_curl
@pytest.mark.parametrize(
    ("document", "sections"),
    [(README, ["Functions and tasks"]), (FUNCTIONS, ["A first function", "Tasks"])],
    ids=["README", "functions"],
)
def test_functions_answer_as_the_document_says(
    tmp_path: Path, document: Path, sections: list[str]
) -> None:
    home = tmp_path / "home"
    settings = {"AICR_HOME": str(home), "AICR_RUNTIME": "process"}
    with (
        Server(tmp_path / "log", "--workers", "2", **settings) as server,
        Shell(tmp_path, AICR_HOME=str(home), AICR_SERVER=server.url) as shell,
    ):
        for section in sections:
            for step in steps(section, document):
                assert plain(shell.run(step.command)) == plain(step.output), step.command
        if document == FUNCTIONS:
            until(lambda: "status: COMPLETED" in shell.run(SHOW), "the task to end")
            assert "step 3 of 3" in shell.run("aicr logs nvct.tasks.report")
            assert "No changes." in shell.run("aicr plan -f examples/tasks")
