"""Directories of instances, as a runner leaves them to the next one.

run/instances/KEY/    one instance (see shim.py)
logs/KEY/             its log, which stays for a while when the instance is gone
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from aicr.errors import InvalidRequest
from controlplane.runner.shim import COOKIE, put

# Logs of instances that are gone: so many are kept, the youngest.
LOGS_KEPT = 100
RUN, INSTANCES, LOGS = "run", "run/instances", "logs"
SOCKET, RUNNER_LOCK, SERVER_LOCK = "run/runner.sock", "run/runner.lock", "run/server.lock"
# What runners of this home are called elsewhere, one after the other; in RUN.
IDENTITY = "identity"
# Marks in the directory of an instance.
STOPPING, WAS_WELL = "stopping", "well"
# Below the directory of an instance: what is its own.
WORK = "work"
_ID = re.compile(r"[A-Za-z0-9._:@=+-]+(?:/[A-Za-z0-9._:@=+-]+)*")
_GIVEN_UP = "gone~"


def key(id_: str) -> str:
    """The name of an instance's directories. Raises InvalidRequest."""
    if not _ID.fullmatch(id_) or set(id_) <= {"."}:
        raise InvalidRequest(f"{id_!r} is no id of an instance")
    return id_.replace("/", "~")


def directory(home: str, id_: str) -> str:
    return f"{home}/{INSTANCES}/{key(id_)}"


def logs(home: str, id_: str) -> str:
    return f"{home}/{LOGS}/{key(id_)}"


def logged(home: str, uid: str) -> tuple[str, ...]:
    """The ids of the instances of a resource of which there are logs, in order."""
    try:
        names = os.listdir(f"{home}/{LOGS}")
    except FileNotFoundError:
        return ()
    return tuple(sorted(name.replace("~", "/") for name in names if name.startswith(f"{uid}~")))


def all_of(home: str) -> list[str]:
    """The directories of instances that are there."""
    top = f"{home}/{INSTANCES}"
    names = sorted(os.listdir(top))
    return [f"{top}/{name}" for name in names if not name.startswith(_GIVEN_UP)]


def sweep(home: str) -> None:
    """Remove what was given up; it may be much, and others may do so at the same time."""
    top = f"{home}/{INSTANCES}"
    with suppress(FileNotFoundError):
        for name in os.listdir(top):
            if name.startswith(_GIVEN_UP):
                shutil.rmtree(f"{top}/{name}", ignore_errors=True)


def make(path: str, spec: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    """Make the directory of an instance that is about to start, in place of one of the same id."""
    give_up(path)
    for below in ("", *spec.get("directories", ())):
        os.makedirs(f"{path}/{WORK}/{below}", mode=0o700, exist_ok=True)
    os.makedirs(spec["logs"], mode=0o700, exist_ok=True)
    if secrets:
        put(path, "secrets.json", dict(secrets))
    put(path, "spec.json", spec)


def give_up(path: str) -> str:
    """Take a directory out of the way in one step: no shim that comes late starts from it. Where it
    is then, until the next sweep; nothing when there was none."""
    top, name = os.path.split(path)
    there = f"{top}/{_GIVEN_UP}{time.time_ns()}~{name}"
    try:
        os.rename(path, there)
    except FileNotFoundError:
        return ""
    return there


def read(path: str, name: str) -> Any:
    """A file of an instance; None when it is not there (or not whole, which none of ours is)."""
    try:
        with open(f"{path}/{name}", encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return None


def prune_logs(home: str, having: set[str]) -> None:
    """Forget logs of instances that are gone, but for the youngest; `having` are keys."""
    top = f"{home}/{LOGS}"
    gone = [name for name in os.listdir(top) if name not in having]
    gone.sort(key=lambda name: (-os.stat(f"{top}/{name}").st_mtime, name))
    for name in gone[LOGS_KEPT:]:
        shutil.rmtree(f"{top}/{name}", ignore_errors=True)


# --------------------------------------------------------------------------- what was left running


def members(path: str) -> Iterator[int]:
    """Processes that were started for the instance of a directory, whoever their parents are."""
    wanted = f"{COOKIE}={path}".encode()
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/environ", "rb") as f:
                if wanted in f.read().split(b"\0"):
                    yield int(name)


def kill_members(path: str) -> None:
    """Kill them all, also those that begin meanwhile."""
    while found := list(members(path)):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
