"""How an instance is kept apart from its host: not at all, by bubblewrap, or as a container."""

from __future__ import annotations

import functools
import glob
import hashlib
import os
import shutil
import string
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from aicr.errors import InvalidRequest, Unavailable
from controlplane.runner import files
from controlplane.runner.shim import COOKIE, PRIVATE

NONE, BUBBLEWRAP, PODMAN = KINDS = ("none", "bubblewrap", "podman")
PORT, WORK = "{port}", "{work}"
# Where images of the vendor look for secrets; where nothing can be put there, this says where.
SECRETS_PATH, SECRETS_VARIABLE = "/var/secrets/secrets.json", "NVCF_SECRETS_PATH"
# Of the runner's own environment an instance sees this much: the rest is of the server.
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")
# Of the host's devices these are an instance's too: whatever computes.
_DEVICES = ("/dev/nvidia*", "/dev/dri", "/dev/kfd", "/dev/infiniband")
_RESOLVER = "/etc/resolv.conf"
_CHECK_SECONDS = 10


class Place(NamedTuple):
    """Where an instance runs: its directory, the home around it, and its port (0: none)."""

    home: str
    directory: str
    port: int
    secrets: bool


class Started(NamedTuple):
    """A command line with its environment, what isolates it, and what to run when it is over.

    Where something isolates, the environment is that program's own, which nobody but the server
    decides: one of an instance would also say which program it is (PATH) and what that loads
    (LD_PRELOAD). The instance's is in `private` then, as shim.PRIVATE hands it over: values belong
    into no command line either.
    """

    command: list[str]
    environment: dict[str, str]
    isolation: str
    after: list[str]
    private: str = ""


def started(run: Mapping[str, Any], environment: Mapping[str, str], place: Place) -> Started:
    """How a resolved image (controlplane.runtime.images) is started with an environment.

    Raises Unavailable when it asks for an isolation that is not to be had here, InvalidRequest for
    what no process can be given.
    """
    kind = run["isolation"] or default()
    # In a container an instance listens where its function says; podman leads from outside there.
    port = int(run["port"]) if kind == PODMAN and place.port else place.port
    values = {**run["env"], **environment, **_facts(place, port)}
    filled = {name: _filled(value, place, port) for name, value in values.items()}
    command = [_filled(word, place, port) for word in run["command"]]
    _check(filled, command)
    if kind == PODMAN:
        return _podman(run, command, filled, place)
    inside = {**_base(), "HOME": f"{place.directory}/work", **filled}
    if kind == BUBBLEWRAP:
        why = missing_bubblewrap()
        if why:
            raise Unavailable(f"isolation bubblewrap: {why}")
        if place.secrets:
            inside[SECRETS_VARIABLE] = SECRETS_PATH
        line = [*_bubblewrap(place, command[: run.get("own", 0)]), *command]
        return Started(line, _outside(place), kind, [], _arguments(inside))
    return Started(command, inside, kind, [])


def _filled(text: str, place: Place, port: int) -> str:
    filled = text.replace(WORK, f"{place.directory}/{files.WORK}")
    return filled.replace(PORT, str(port)) if port else filled


def _check(environment: Mapping[str, str], command: Iterable[str]) -> None:
    """A NUL would begin another argument of what isolates."""
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise InvalidRequest(f"{name!r} in the environment cannot be given to a process")
    if any("\0" in word for word in command):
        raise InvalidRequest("a NUL in the command line cannot be given to a process")


def _outside(place: Place) -> dict[str, str]:
    """The environment of what isolates."""
    return {**_base(), COOKIE: place.directory}


def _base() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}


def _facts(place: Place, port: int) -> dict[str, str]:
    listens = {"PORT": str(port)} if port else {}
    secrets = {SECRETS_VARIABLE: f"{place.directory}/secrets.json"} if place.secrets else {}
    return {**listens, **secrets}


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


def _bubblewrap(place: Place, own: list[str]) -> Iterator[str]:
    """The host read-only, without the server's home; processes, IPC and names of its own. The
    network is the host's: that is how an instance is reached. `own` are the words of the image
    map's command."""
    yield from (str(shutil.which("bwrap")), "--die-with-parent", "--unshare-all", "--share-net")
    yield from ("--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")
    yield from ("--tmpfs", "/tmp", "--tmpfs", "/run")  # noqa: S108
    if place.secrets:  # nothing can be put into what is the host's: /var is made anew
        yield from ("--tmpfs", "/var")
        for path in _below_var():
            yield from ("--ro-bind", path, path)
    for path in sorted(path for pattern in _DEVICES for path in glob.glob(pattern)):
        yield from ("--dev-bind", path, path)
    needed = _needed(own, place.home)
    for path in needed:
        if not _below(path, (place.home,)):
            yield from ("--ro-bind", path, path)
    yield from ("--tmpfs", place.home)  # after what may be around it
    for path in needed:
        if _below(path, (place.home,)):
            yield from ("--ro-bind", path, path)
    yield from ("--bind", f"{place.directory}/work", f"{place.directory}/work")
    if place.secrets:
        yield from ("--ro-bind", f"{place.directory}/secrets.json", SECRETS_PATH)
    yield from ("--chdir", f"{place.directory}/work", "--")


def _arguments(environment: Mapping[str, str]) -> str:
    """An environment, and no other, as arguments of bubblewrap."""
    words = [word for pair in environment.items() for word in ("--setenv", *pair)]
    return "\0".join(["--clearenv", *words]) + "\0"


def _needed(own: list[str], home: str) -> list[str]:
    """What is hidden, and without which a command does not run: this Python, files that the image
    map names, and where names of hosts are looked up (often a link to below /run). Whatever is
    named, nothing shows the home."""
    named = [
        word
        for word in own
        if os.path.isabs(word) and os.path.exists(word) and not _touches(word, home)
    ]
    resolver = [path for path in (os.path.realpath(_RESOLVER),) if os.path.exists(path)]
    found: list[str] = []
    for path in (sys.prefix, sys.base_prefix, *resolver, *named):
        if _below(path, ("/tmp", "/run", home)) and not _below(path, found):  # noqa: S108
            found.append(path)
    return found


def _touches(path: str, home: str) -> bool:
    """Whether a path is the home, below it or above, wherever links lead."""
    both = os.path.realpath(path), os.path.realpath(home)
    return os.path.commonpath(both) in both


def _below(path: str, directories: Iterable[str]) -> bool:
    return any(path == d or path.startswith(f"{d}/") for d in directories)


def _below_var() -> list[str]:
    return [f"/var/{n}" for n in sorted(os.listdir("/var")) if n not in ("tmp", "run", "secrets")]


# --------------------------------------------------------------------------- podman


def _podman(
    run: Mapping[str, Any], command: list[str], environment: dict[str, str], place: Place
) -> Started:
    """The image itself, under runc (crun fails where control groups are hybrid)."""
    podman = shutil.which("podman")
    if podman is None:
        raise Unavailable("isolation podman: podman is not on the PATH of the server: install it")
    name = "aicr-" + hashlib.sha256(place.directory.encode()).hexdigest()[:24]
    line = [podman, "run", "--rm", "--runtime", "runc", "--name", name, "--pull", "missing"]
    inside = dict(environment)
    work = f"{place.directory}/{files.WORK}"
    line += ["-v", f"{work}:{work}"]
    if place.secrets:
        line += ["-v", f"{place.directory}/secrets.json:{SECRETS_PATH}:ro"]
        inside[SECRETS_VARIABLE] = SECRETS_PATH
    if place.port:
        line += ["-p", f"127.0.0.1:{place.port}:{run['port']}"]
    line += ["--env-file", f"{place.directory}/{PRIVATE}"]
    after = [podman, "rm", "--force", "--time", "0", "--ignore", name]
    outside = {**_outside(place), "HOME": os.environ.get("HOME", "/")}
    return Started([*line, run["image"], *command], outside, PODMAN, after, _lines(inside))


def _lines(environment: Mapping[str, str]) -> str:
    """An environment as a file of podman's, which has a line for each, and comments."""
    for name, value in environment.items():
        if name[0] in "#" + string.whitespace or not {"\n", "\r"}.isdisjoint(name + value):
            raise InvalidRequest(
                f"isolation podman: {name!r} in the environment is not of one line"
            )
    return "".join(f"{name}={value}\n" for name, value in sorted(environment.items()))
