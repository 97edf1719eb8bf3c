"""kubectl: the way to a cluster.

It knows every way of authenticating to one; a client library would know a few.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from aicr import programs
from aicr.errors import NotFound, Timeout, Unavailable

SECONDS = 30
# Arguments of kubectl -> the object it answers with.
Ask = Callable[[Sequence[str]], Any]


def run(
    arguments: Sequence[str],
    kubeconfig: str | None,
    stdin: str | None = None,
    seconds: float = SECONDS,
) -> str:
    """What kubectl prints. Raises NotFound for a missing object, Timeout and Unavailable."""
    command = ["kubectl", *(["--kubeconfig", kubeconfig] if kubeconfig else []), *arguments]
    try:
        return programs.run(command, seconds, stdin, f"kubectl {arguments[0]}")
    except NotFound:
        raise Unavailable("a cluster or a cm:// address needs kubectl on the PATH") from None
    except Unavailable as e:
        if "(NotFound)" in e.message:
            raise NotFound(e.message) from None
        raise


def ask(arguments: Sequence[str], kubeconfig: str | None, seconds: float = SECONDS) -> Any:
    """The object that kubectl answers with. Raises as `run` does."""
    limit = f"--request-timeout={round(seconds, 3):g}s"  # the server is told, too
    answer = run([*arguments, "-o", "json", limit], kubeconfig, seconds=seconds)
    try:
        found = json.loads(answer)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unavailable(f"kubectl {arguments[0]} answered something else than a JSON object")
    return found


def within(
    seconds: float, kubeconfig: str | None, now: Callable[[], float] = time.monotonic
) -> Ask:
    """`ask` for several requests that may take `seconds` together, from now on: each has what the
    ones before it left, and raises Timeout when that is nothing."""
    end = now() + seconds

    def asking(arguments: Sequence[str]) -> Any:
        left = end - now()
        if left <= 0:
            raise Timeout(f"kubectl {arguments[0]} not tried: the {seconds:g} s are used up")
        return ask(arguments, kubeconfig, left)

    return asking
