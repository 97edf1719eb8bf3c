"""Other programs, asked for text: the one place that starts them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from aicr.errors import NotFound, Timeout, Unavailable


def run(command: Sequence[str], seconds: float, stdin: str | None = None, title: str = "") -> str:
    """What a program prints. `title` names it in messages (default: its own name).

    Raises NotFound when there is no such program, Timeout, and Unavailable with the last line of
    its complaint when it fails.
    """
    title = title or command[0]
    # Without input there is none: a program that would ask for a password must fail, not wait.
    source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
            **source,
        )
    except FileNotFoundError:
        raise NotFound(f"{command[0]} is not on the PATH") from None
    except OSError as e:
        raise Unavailable(f"cannot start {command[0]}: {e.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Timeout(f"{title} gave no answer in {seconds:g} s") from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"{title} failed: {reason}")
    return str(done.stdout)
