"""How an instance is kept apart from its host: not at all, by bubblewrap, or as a container."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aicr.errors import Unavailable
from controlplane.runner import files

NONE, BUBBLEWRAP, PODMAN = KINDS = ("none", "bubblewrap", "podman")
PORT, WORK = "{port}", "{work}"
# Where images of the vendor look for secrets; where nothing can be put there, this says where.
SECRETS_PATH, SECRETS_VARIABLE = "/var/secrets/secrets.json", "NVCF_SECRETS_PATH"
# Of the runner's own environment an instance sees this much: the rest is of the server.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")
_OWN = {"proc", "dev", "tmp", "run", "sys", "var"}
_CHECK_SECONDS = 10


class Place(NamedTuple):
    """Where an instance runs: its directory, the home around it, and its port (0: none)."""

    home: str
    directory: str
    port: int
    secrets: bool


class Started(NamedTuple):
    """A command line with its environment, what isolates it, and what to run when it is over."""

    command: list[str]
    environment: dict[str, str]
    isolation: str
    after: list[str]


def started(run: Mapping[str, Any], environment: Mapping[str, str], place: Place) -> Started:
    """How a resolved image (controlplane.runtime.images) is started with an environment.

    Raises Unavailable when it asks for an isolation that is not to be had here.
    """
    kind = run["isolation"] or default()
    values = {**run["env"], **environment, **_facts(place)}
    filled = {name: _filled(value, place) for name, value in values.items()}
    command = [_filled(word, place) for word in run["command"]]
    if kind == PODMAN:
        return _podman(run, command, filled, place)
    inside = {**_base(), "HOME": f"{place.directory}/work", **filled}
    if kind == BUBBLEWRAP:
        why = missing_bubblewrap()
        if why:
            raise Unavailable(f"isolation bubblewrap: {why}")
        if place.secrets:
            inside[SECRETS_VARIABLE] = SECRETS_PATH
        return Started([*_bubblewrap(place, command), *command], inside, kind, [])
    return Started(command, inside, kind, [])


def _filled(text: str, place: Place) -> str:
    filled = text.replace(WORK, f"{place.directory}/{files.WORK}")
    return filled.replace(PORT, str(place.port)) if place.port else filled


def _base() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def _facts(place: Place) -> dict[str, str]:
    port = {"PORT": str(place.port)} if place.port else {}
    secrets = {SECRETS_VARIABLE: f"{place.directory}/secrets.json"} if place.secrets else {}
    return {**port, **secrets}


# --------------------------------------------------------------------------- bubblewrap


def default() -> str:
    """What isolates where nobody says otherwise: bubblewrap where it works."""
    return NONE if missing_bubblewrap() else BUBBLEWRAP


@functools.cache
def missing_bubblewrap() -> str:
    """Why bubblewrap does not isolate here; nothing when it does."""
    if shutil.which("bwrap") is None:
        return "bwrap is not on the PATH of the server: install bubblewrap"
    tried = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--", "true"]
    try:
        found = subprocess.run(
            tried, capture_output=True, text=True, timeout=_CHECK_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        return f"bwrap does not run here: {e}"
    words = found.stderr.strip().splitlines() or [f"exit status {found.returncode}"]
    return f"bwrap does not run here: {words[-1]}" if found.returncode else ""


def _bubblewrap(place: Place, command: list[str]) -> Iterator[str]:
    """The host read-only, without the server's home; processes, IPC and names of its own. The
    network is the host's: that is how an instance is reached."""
    yield from ("bwrap", "--die-with-parent", "--unshare-all", "--share-net")
    yield from ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/run")  # noqa: S108
    for path in _shown():
        yield from ("--ro-bind", path, path)
    yield from ("--tmpfs", place.home)
    for path in _needed(command, ("/tmp", "/run", place.home)):  # noqa: S108
        yield from ("--ro-bind", path, path)
    yield from ("--bind", f"{place.directory}/work", f"{place.directory}/work")
    if place.secrets:
        yield from ("--ro-bind", f"{place.directory}/secrets.json", SECRETS_PATH)
    yield from ("--chdir", f"{place.directory}/work", "--")


def _needed(command: list[str], hidden: tuple[str, ...]) -> list[str]:
    """What is hidden, and without which a command does not run: this Python, and files it names."""
    named = [word for word in command if os.path.isabs(word) and os.path.exists(word)]
    found: list[str] = []
    for path in (sys.prefix, sys.base_prefix, *named):
        if _below(path, hidden) and not _below(path, found):
            found.append(path)
    return found


def _below(path: str, directories: Iterable[str]) -> bool:
    return any(path == d or path.startswith(f"{d}/") for d in directories)


def _shown() -> list[str]:
    top = [f"/{name}" for name in sorted(os.listdir("/")) if name not in _OWN]
    var = [f"/var/{n}" for n in sorted(os.listdir("/var")) if n not in ("tmp", "run", "secrets")]
    return [path for path in (*top, *var) if os.path.exists(path)]


# --------------------------------------------------------------------------- podman


def _podman(
    run: Mapping[str, Any], command: list[str], environment: dict[str, str], place: Place
) -> Started:
    """The image itself, under runc (crun fails where control groups are hybrid)."""
    if shutil.which("podman") is None:
        raise Unavailable("isolation podman: podman is not on the PATH of the server: install it")
    name = "aicr-" + hashlib.sha256(place.directory.encode()).hexdigest()[:24]
    line = ["podman", "run", "--rm", "--runtime", "runc", "--name", name, "--pull", "missing"]
    inside = dict(environment)
    work = f"{place.directory}/{files.WORK}"
    line += ["-v", f"{work}:{work}"]
    if place.secrets:
        line += ["-v", f"{place.directory}/secrets.json:{SECRETS_PATH}:ro"]
        inside[SECRETS_VARIABLE] = SECRETS_PATH
    if place.port:
        line += ["-p", f"127.0.0.1:{place.port}:{run['port']}"]
        inside["PORT"] = str(run["port"])
    host = {**_base(), "HOME": os.environ.get("HOME", "/")}
    # Values come from podman's own environment, not from argv; but what podman needs itself.
    for name_ in sorted(inside):
        line += ["-e", f"{name_}={inside[name_]}" if name_ in host else name_]
    after = ["podman", "rm", "--force", "--time", "0", "--ignore", name]
    return Started([*line, run["image"], *command], {**inside, **host}, PODMAN, after)
