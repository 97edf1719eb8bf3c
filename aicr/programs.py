"""Other programs, asked for text: the one place that starts them."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from threading import Lock

from aicr.errors import NotFound, Timeout, Unavailable

# Process groups of what runs now. A thread that waits for one may be given up, and then nobody else
# would end it.
_running: set[int] = set()
# Held while one is started and written down; for good once the interpreter ends, so that nothing
# starts between ending them all and being gone.
_starting = Lock()


def run(command: Sequence[str], seconds: float, stdin: str | None = None, title: str = "") -> str:
    """What a program prints. `title` names it in messages (default: its own name). When it is late
    or we are interrupted, it is ended with everything that it has started.

    Raises NotFound when there is no such program, Timeout, and Unavailable with the last line of
    its complaint when it fails.
    """
    title = title or command[0]
    try:
        code, out, err = _answer(command, seconds, stdin)
    except FileNotFoundError:
        raise NotFound(f"{command[0]} is not on the PATH") from None
    except OSError as e:
        raise Unavailable(f"cannot start {command[0]}: {e.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Timeout(f"{title} gave no answer in {round(seconds, 3):g} s") from None
    if code:
        reason = (err.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"{title} failed: {reason}")
    return out


def _answer(command: Sequence[str], seconds: float, stdin: str | None) -> tuple[int, str, str]:
    """Exit code, output and complaints."""
    with _started(command, stdin is not None) as process:
        try:
            out, err = process.communicate(stdin, timeout=seconds)
        except BaseException:
            _end(process.pid)
            raise
        finally:
            _running.discard(process.pid)
        return process.returncode, out, err


def _started(command: Sequence[str], has_input: bool) -> subprocess.Popen[str]:
    with _starting:
        process = subprocess.Popen(
            command,
            # Without input there is none: what would ask for a password must fail, not wait.
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            process_group=0,  # its own, so that its helpers (exec plugins of kubectl) end with it
        )
        _running.add(process.pid)
        return process


def _end(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


@atexit.register
def _end_all() -> None:
    _starting.acquire(timeout=1)
    for group in tuple(_running):
        _end(group)
