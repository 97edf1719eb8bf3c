"""How command lines are isolated; programs stand in for bubblewrap and podman."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import InvalidRequest, Unavailable
from controlplane.runner import isolation
from controlplane.runner.isolation import BUBBLEWRAP, NONE, PODMAN, Place, Started, started

PLACE = Place("/home/x/.aicr", "/home/x/.aicr/run/instances/a", 4711, True)
RUN: dict[str, Any] = {
    "image": "docker.io/acme/echo:1",
    "command": ["serve", "--port={port}"],
    "env": {"URL": "http://127.0.0.1:{port}", "MODE": "of the image"},
    "isolation": "",
    "port": 8000,
    "own": 2,
}


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("AICR_SOMETHING", "of the server")
    isolation.missing_bubblewrap.cache_clear()
    yield tmp_path
    isolation.missing_bubblewrap.cache_clear()


def program(path: Path, name: str, status: int = 0) -> None:
    (path / name).write_text(f"#!/bin/sh\necho not permitted >&2\nexit {status}\n")
    (path / name).chmod(0o700)


def test_without_anything_it_is_none() -> None:
    found = started(RUN, {"MODE": "of the function"}, PLACE)
    assert found.isolation == NONE
    assert found.command == ["serve", "--port=4711"]
    assert found.environment["URL"] == "http://127.0.0.1:4711"
    assert found.environment["MODE"] == "of the function"
    assert found.environment["PORT"] == "4711"
    assert found.environment["NVCF_SECRETS_PATH"] == f"{PLACE.directory}/secrets.json"
    assert "AICR_SOMETHING" not in found.environment


def test_without_port_and_secrets() -> None:
    found = started(RUN, {}, PLACE._replace(port=0, secrets=False))
    assert found.command == ["serve", "--port={port}"]
    assert not {"PORT", "NVCF_SECRETS_PATH"} & set(found.environment)


def test_bubblewrap_where_it_works(path: Path) -> None:
    program(path, "bwrap")
    found = started(RUN, {}, PLACE)
    assert found.isolation == BUBBLEWRAP
    assert found.command[:3] == [f"{path}/bwrap", "--die-with-parent", "--unshare-all"]
    assert found.command[found.command.index("--") + 1 :] == ["serve", "--port=4711"]
    line = " ".join(found.command)
    assert "--ro-bind / / --proc /proc --dev /dev --tmpfs /tmp --tmpfs /run" in line
    assert f"--tmpfs {PLACE.home}" in line, "the server's keys are not to be seen"
    assert f"--ro-bind {PLACE.directory}/secrets.json /var/secrets/secrets.json" in line
    assert line.index(f"--tmpfs {PLACE.home}") < line.index(f"--bind {PLACE.directory}/work")
    assert line.index("--tmpfs /var ") < line.index("--ro-bind /var/lib /var/lib")
    assert inside(found)["NVCF_SECRETS_PATH"] == "/var/secrets/secrets.json"
    without = started(RUN, {}, PLACE._replace(secrets=False))
    assert "--tmpfs /var " not in " ".join(without.command)


def inside(found: Started) -> dict[str, str]:
    """The environment that bubblewrap is told to make."""
    clear, *words, end = found.private.split("\0")
    assert (clear, end, set(words[::3])) == ("--clearenv", "", {"--setenv"})
    return dict(zip(words[1::3], words[2::3], strict=True))


HOSTILE = {
    "PATH": "/evil",
    "LD_PRELOAD": "/evil.so",
    "CONTAINER_HOST": "tcp://evil",
    "HOME": "/evil",
    "PASSWORD": "swordfish",
}


@pytest.mark.parametrize(("kind", "name"), [(BUBBLEWRAP, "bwrap"), (PODMAN, "podman")])
def test_what_isolates_is_not_the_instances_to_decide(path: Path, kind: str, name: str) -> None:
    """With its PATH it would be another program, with its LD_PRELOAD it would do something else."""
    program(path, name)
    found = started({**RUN, "isolation": kind}, HOSTILE, PLACE)
    assert found.command[0] == f"{path}/{name}"
    assert [word for word in found.after[:1] if word != f"{path}/{name}"] == []
    assert found.environment["PATH"] == str(path)
    assert "evil" not in "".join(found.environment.values())
    assert not {"LD_PRELOAD", "CONTAINER_HOST", "PASSWORD"} & set(found.environment)
    assert "swordfish" not in " ".join(found.command), "values may be private"
    said = (
        inside(found)
        if kind == BUBBLEWRAP
        else dict(line.split("=", 1) for line in found.private.splitlines())
    )
    assert said.items() >= HOSTILE.items()


@pytest.mark.parametrize("name", ["", "A=B", "A\0--bind"])
@pytest.mark.parametrize("kind", [NONE, BUBBLEWRAP, PODMAN])
def test_names_that_no_process_can_have(path: Path, kind: str, name: str) -> None:
    program(path, "bwrap")
    program(path, "podman")
    with pytest.raises(InvalidRequest, match="cannot be given to a process"):
        started({**RUN, "isolation": kind}, {name: "x"}, PLACE)


def test_no_value_goes_on_as_arguments_of_what_isolates(path: Path) -> None:
    program(path, "bwrap")
    with pytest.raises(InvalidRequest, match="'A' in the environment"):
        started(RUN, {"A": "x\0--bind\0/\0/"}, PLACE)
    with pytest.raises(InvalidRequest, match="in the command line"):
        started({**RUN, "command": ["a\0b"]}, {}, PLACE)


@pytest.mark.parametrize("given", [{"A": "x\nB=y"}, {"A": "x\r"}, {"#A": "x"}, {" A": "x"}])
def test_podman_knows_lines_only(path: Path, given: dict[str, str]) -> None:
    program(path, "podman")
    with pytest.raises(InvalidRequest, match="is not of one line"):
        started({**RUN, "isolation": PODMAN}, given, PLACE)


def test_what_a_command_needs_is_shown(path: Path) -> None:
    program(path, "bwrap")
    script = path / "script.py"
    script.touch()
    found = started({**RUN, "command": [sys.executable, str(script)], "own": 2}, {}, PLACE)
    line = " ".join(found.command)
    hidden = str(script).startswith("/tmp/")
    assert (f"--ro-bind {script} {script}" in line) is hidden
    assert started({**RUN, "isolation": NONE}, {}, PLACE).isolation == NONE


def test_nothing_that_is_named_shows_the_home(path: Path) -> None:
    """Neither words of the image map nor, least of all, those of a workload."""
    program(path, "bwrap")
    home = path / "here" / "home"
    secret = home / "vault.json"
    (home / "run").mkdir(parents=True)
    for file in (secret, path / "script.py"):
        file.touch()
    (path / "link").symlink_to(home)
    words = [home, home.parent, "/", secret, home / "run", path / "link", f"{path}/x/../here/home"]
    (path / "x").mkdir()
    place = Place(str(home), f"{home}/run/instances/a", 0, False)

    def bound(own: int) -> list[str]:
        command = ["python3", str(path / "script.py"), *map(str, words)]
        line = started({**RUN, "command": command, "own": own}, {}, place).command
        return [line[i + 2] for i, word in enumerate(line[: line.index("--")]) if "bind" in word]

    shown = bound(len(words) + 2)
    touching = [p for p in shown if Path(p) in {*home.parents, home} or str(home) in p]
    assert touching == ["/", f"{home}/run/instances/a/work"]
    assert set(bound(2)) == set(shown)
    assert str(path / "script.py") not in bound(1), "a word of the workload"
    assert str(path / "script.py") not in bound(0)


def test_the_home_is_hidden_after_what_is_around_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path, "bwrap")
    monkeypatch.setattr(sys, "prefix", "/tmp/python")
    line = " ".join(started(RUN, {}, Place("/tmp/python/home", "/tmp/i", 0, False)).command)
    assert line.index("--ro-bind /tmp/python ") < line.index("--tmpfs /tmp/python/home")


def test_what_computes_is_shown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(path, "bwrap")
    monkeypatch.setattr(isolation, "_DEVICES", (f"{path}/nvidia*", f"{path}/nothing"))
    monkeypatch.setattr(isolation, "_RESOLVER", str(path / "resolv.conf"))
    for name in ("nvidia1", "nvidia0", "run.conf"):
        (path / name).touch()
    (path / "resolv.conf").symlink_to(path / "run.conf")
    line = " ".join(started(RUN, {}, PLACE).command)
    assert f"--dev-bind {path}/nvidia0 {path}/nvidia0 --dev-bind {path}/nvidia1" in line
    assert (f"--ro-bind {path}/run.conf" in line) is str(path).startswith("/tmp/")


def test_bubblewrap_that_may_not_is_as_if_it_were_not_there(path: Path) -> None:
    program(path, "bwrap", 1)
    assert started(RUN, {}, PLACE).isolation == NONE
    with pytest.raises(Unavailable, match="bwrap does not run here: not permitted"):
        started({**RUN, "isolation": BUBBLEWRAP}, {}, PLACE)


@pytest.mark.parametrize(("kind", "word"), [(BUBBLEWRAP, "install bubblewrap"), (PODMAN, "podman")])
def test_what_is_asked_for_and_not_there(kind: str, word: str) -> None:
    with pytest.raises(Unavailable, match=word):
        started({**RUN, "isolation": kind}, {}, PLACE)


def test_podman_runs_the_image_itself(path: Path) -> None:
    program(path, "podman")
    given = {"MODE": "of the function", "GREETING": "nobody's business", "PATH": "/inside"}
    command = ["serve", "--port={port}"]
    found = started({**RUN, "isolation": PODMAN, "command": command}, given, PLACE)
    line = " ".join(found.command)
    assert line.startswith(f"{path}/podman run --rm --runtime runc --name aicr-")
    assert line.endswith(" docker.io/acme/echo:1 serve --port=8000")
    assert "-p 127.0.0.1:4711:8000" in line
    assert f"-v {PLACE.directory}/secrets.json:/var/secrets/secrets.json:ro" in line
    assert f"-v {PLACE.directory}/work:{PLACE.directory}/work" in line
    assert "nobody's business" not in line
    assert f"--env-file {PLACE.directory}/private" in line
    assert found.private.splitlines() == [
        "GREETING=nobody's business",
        "MODE=of the function",
        "NVCF_SECRETS_PATH=/var/secrets/secrets.json",
        "PATH=/inside",
        "PORT=8000",
        "URL=http://127.0.0.1:8000",
    ]
    assert found.environment["PATH"] == os.environ["PATH"]
    assert found.after[:2] == [f"{path}/podman", "rm"]
    assert found.after[-1] in found.command
