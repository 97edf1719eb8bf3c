"""What holds one instance: it starts its command, keeps its logs, and tells how it ended.

It needs nothing but the standard library, and nobody: when the runner is killed it goes on, and the
next runner finds it by its directory. One process of this file (`python -I -S shim.py`, the
nursery) waits for directories and forks a shim for each, so that no instance waits for a Python to
start. In an instance's directory:

    spec.json      what to run: written by the runner, read once
    shim.json      who holds it: pid, and since when that pid is this process
    child.json     the pid of the command itself
    private        the environment inside of what isolates, for bubblewrap (--args) or podman
                   (--env-file)
    secrets.json   names and values of secrets; gone when the instance is
    exit.json      how it ended, and the last thing that is written
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

SPEC, SHIM, CHILD, EXIT = "spec.json", "shim.json", "child.json", "exit.json"
SECRETS, PRIVATE = "secrets.json", "private"
# In the environment of everything that an instance starts, with the instance's directory.
COOKIE = "AICR_INSTANCE"
LOG = "log"
# As kubelet keeps logs.
LOG_BYTES, LOG_FILES = 10 * 1024 * 1024, 5
# As containerd cuts lines.
LINE = 16 * 1024
_READ = 64 * 1024
_PDEATHSIG, _SUBREAPER = 1, 36
# How long pipes are read after everything that could write to them was killed.
_REST_SECONDS = 1.0
_FLOCK = "hhqqi0q"

_libc = ctypes.CDLL(None)


# --------------------------------------------------------------------------- facts of the system


def identity(pid: int) -> str:
    """Which process a pid is: the boot and the tick in which it began; nothing when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            boot = f.read().strip()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def holder(path: str) -> int:
    """The pid of a process that has a file locked (fcntl), without touching the lock; 0: nobody."""
    try:
        with open(path, "rb") as f:
            asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            found = struct.unpack(_FLOCK, fcntl.fcntl(f, fcntl.F_GETLK, asked))
    except OSError:
        return 0
    return 0 if found[0] == fcntl.F_UNLCK else int(found[4])


def put(directory: str, name: str, value: Any) -> None:
    """Put a private file in place, whole. Raises FileNotFoundError when the directory is gone."""
    staged = f"{directory}/.{name}.{os.getpid()}"
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(handle, "w", encoding="utf-8") as f:
        json.dump(value, f)
    os.replace(staged, f"{directory}/{name}")


# --------------------------------------------------------------------------- logs


def cut(data: bytes, ended: bool = False) -> tuple[list[tuple[str, bytes]], bytes]:
    """Output as CRI pieces, F for what ends a line and P for what does not, and what is left over
    until more comes. At the end nothing is."""
    pieces: list[tuple[str, bytes]] = []
    *lines, rest = data.split(b"\n")
    for line in lines:
        whole = range(0, max(len(line) - 1, 0) // LINE * LINE, LINE)
        pieces += [("P", line[i : i + LINE]) for i in whole]
        pieces.append(("F", line[len(whole) * LINE :]))
    while len(rest) >= LINE:
        pieces.append(("P", rest[:LINE]))
        rest = rest[LINE:]
    if ended and rest:
        return [*pieces, ("P", rest)], b""
    return pieces, rest


def stamp(now: int) -> str:
    """Nanoseconds since the epoch as RFC 3339."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now // 10**9))}.{now % 10**9:09d}Z"


class Log:
    """A CRI log with its older files: log, log.1, … What finds no room on the disk is lost: an
    instance does not stop for its log."""

    def __init__(self, directory: str, size: int = LOG_BYTES, files: int = LOG_FILES) -> None:
        self._path, self._size, self._files = f"{directory}/{LOG}", size, files
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self._open()

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._written = os.fstat(self._file).st_size

    def write(self, stream: str, pieces: list[tuple[str, bytes]]) -> None:
        head = f"{stamp(time.time_ns())} {stream} "
        for flag, text in pieces:
            line = f"{head}{flag} ".encode() + text + b"\n"
            with suppress(OSError):
                if self._written and self._written + len(line) > self._size:
                    self._rotate()
                self._written += os.write(self._file, line)

    def _rotate(self) -> None:
        for n in range(self._files - 1, 0, -1):
            with suppress(FileNotFoundError):
                os.replace(self._path if n == 1 else f"{self._path}.{n - 1}", f"{self._path}.{n}")
        os.close(self._file)
        self._open()


# --------------------------------------------------------------------------- one instance


class Shim:
    """One instance from its start to its end."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        with open(f"{directory}/{SPEC}", encoding="utf-8") as f:
            self._spec: dict[str, Any] = json.load(f)
        self._asked = False
        self._kill_at = self._lost_since = float("inf")
        self._why = ""
        self._rest = {"stdout": b"", "stderr": b""}

    def run(self) -> None:
        put(self._directory, SHIM, {"pid": os.getpid(), "identity": identity(os.getpid())})
        _libc.prctl(_SUBREAPER, 1, 0, 0, 0)
        wake, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        # Heard and not ignored: what is ignored the command would ignore too.
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, self._heard)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._log = Log(
            self._spec["logs"],
            self._spec.get("log_bytes", LOG_BYTES),
            self._spec.get("log_files", LOG_FILES),
        )
        self._finish(self._guarded(wake))

    def _heard(self, number: int, _: Any) -> None:
        self._asked = self._asked or number == signal.SIGTERM

    def _guarded(self, wake: int) -> dict[str, Any]:
        try:
            child = self._start()
        except (OSError, ValueError) as e:  # the latter for words that cannot be encoded
            why = getattr(e, "strerror", None) or e
            return {"error": f"cannot run {self._spec['command'][0]}: {why}"}
        with suppress(
            FileNotFoundError
        ):  # whoever took the directory away is seen at the next look
            put(self._directory, CHILD, {"pid": child.pid})
        code = self._watch(child, wake)
        return {"exit": code, **({"why": self._why} if self._why else {})}

    def _start(self) -> subprocess.Popen[bytes]:
        text = self._spec.get("private", "").encode(errors="surrogateescape")
        with open(f"{self._directory}/{PRIVATE}", "wb+", opener=_private) as private:
            private.write(text)
            private.seek(0)
            if self._spec["isolation"] != "bubblewrap":
                return self._popen(self._spec["command"])
            program, *words = self._spec["command"]
            handle = private.fileno()
            return self._popen([program, "--args", str(handle), *words], handle)

    def _popen(self, command: list[str], *handles: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._spec["environment"],
            cwd=self._spec["directory"],
            preexec_fn=_bound(os.getpid()),  # noqa: PLW1509 (one thread, and nothing else binds)
            process_group=0,
            pass_fds=handles,
        )

    def _watch(self, child: subprocess.Popen[bytes], wake: int) -> int:
        """Log and wait until the command ended, and everything that it left behind."""
        assert child.stdout is not None and child.stderr is not None  # noqa: S101, PT018 (PIPE)
        self._streams = {child.stdout.fileno(): "stdout", child.stderr.fileno(): "stderr"}
        self._poll = select.poll()
        for handle in (wake, *self._streams):
            self._poll.register(handle, select.POLLIN)
        tick = min(max(self._spec["deadman"] / 10, 0.02), 5.0)
        status = None
        while status is None:
            self._read(min(tick, max(self._kill_at - time.monotonic(), 0.01)), wake)
            status = _reaped(child.pid)
            self._look_around(child.pid, tick)
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        _kill_children()
        end = time.monotonic() + _REST_SECONDS
        while self._streams and time.monotonic() < end:
            self._read(0.05, wake)
        return os.waitstatus_to_exitcode(status)

    def _read(self, seconds: float, wake: int) -> None:
        for handle, _ in self._poll.poll(max(seconds, 0.0) * 1000):
            if handle == wake:
                with suppress(BlockingIOError):
                    os.read(wake, 4096)
                continue
            name = self._streams[handle]
            data = os.read(handle, _READ)
            pieces, self._rest[name] = cut(self._rest[name] + data, ended=not data)
            self._log.write(name, pieces)
            if not data:
                self._poll.unregister(handle)
                del self._streams[handle]

    def _look_around(self, child: int, tick: float) -> None:
        """End the command when that was asked for, or when nobody is there who would ask."""
        now = time.monotonic()
        if holder(self._spec["lock"]):
            self._lost_since = float("inf")
        else:
            self._lost_since = min(self._lost_since, now)
            if now - self._lost_since >= self._spec["deadman"] and not self._why:
                self._why = f"nobody held {self._spec['lock']} for {self._spec['deadman']:g} s"
                self._asked = True
        with suppress(ProcessLookupError):
            if self._asked and self._kill_at == float("inf"):
                self._kill_at = now + self._spec["grace"]
                self._terminate(child)
            elif now >= self._kill_at:
                os.killpg(child, signal.SIGKILL)

    def _terminate(self, child: int) -> None:
        """Ask the command to end; not bubblewrap around it, with which it would be killed at once:
        its first process is the outer one, that one's child the init inside."""
        inside = [pid for init in _children(child) for pid in _children(init)]
        if self._spec["isolation"] != "bubblewrap" or not inside:
            os.killpg(child, signal.SIGTERM)
            return
        for pid in inside:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def _finish(self, ended: dict[str, Any]) -> None:
        if self._spec.get("after"):
            with suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    self._spec["after"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=self._spec["environment"],
                    timeout=30,
                    check=False,
                )
        with suppress(FileNotFoundError):
            os.unlink(f"{self._directory}/{SECRETS}")
        with suppress(FileNotFoundError):
            put(self._directory, EXIT, ended)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _bound(parent: int) -> Any:
    """What the command does before it is itself: it dies with its shim, whoever kills that."""

    def bind() -> None:
        _libc.prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return bind


def _reaped(wanted: int) -> int | None:
    """Take the ends of children; the status of the one that is waited for, once it ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        if pid in (0, wanted):
            return status if pid else None


def _children(parent: int) -> list[int]:
    """The pids of children; of whoever lost its parent the shim is the parent now."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(OSError), open(f"/proc/{name}/stat", "rb") as f:
                if int(f.read().rpartition(b")")[2].split()[1]) == parent:
                    found.append(int(name))
    return found


def _kill_children() -> None:
    """Kill what is left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            for child in _children(os.getpid()):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


# --------------------------------------------------------------------------- the nursery


def nursery(control: socket.socket) -> None:
    """Fork a shim for each line, which is a directory, and answer its pid; until nobody asks."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever ends is watched by the runner
    for line in control.makefile("rb"):
        pid = os.fork()
        if pid == 0:
            _hold(control, line.decode().rstrip("\n"))
        control.sendall(b"%d\n" % pid)


def _hold(control: socket.socket, directory: str) -> None:
    status = 1
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.close(control.detach())  # or nobody would see that the nursery is gone
        os.umask(0o077)
        # A directory that is not there any more was given up: nothing is to run.
        with suppress(FileNotFoundError):
            Shim(directory).run()
        status = 0
    except BaseException as e:  # noqa: BLE001 (nothing of the nursery may go on in here)
        print(f"shim of {directory}: {e!r}", file=sys.stderr)  # noqa: T201
    finally:
        os._exit(status)


if __name__ == "__main__":
    nursery(socket.socket(fileno=os.dup(0)))
