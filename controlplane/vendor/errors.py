"""What all services of the vendor refuse, in its words where they are known (contract 3.1).

What depends on the state is refused with the engine's errors, since plans meet it, too; the routes
say them as the vendor does.
"""

from __future__ import annotations

from collections.abc import Callable

from aicr.errors import AicrError, Conflict, InvalidRequest, NotFound
from controlplane.http.problems import Problem, Refused

FAILED = "Validation failed"


def bad(words: str) -> InvalidRequest:
    return InvalidRequest(words)


def taken(words: str) -> Conflict:
    return Conflict(words)


def unreadable() -> Problem:
    """A body that is no JSON, or has another type where one is fixed."""
    return Problem(400, "Failed to read request")


def not_a(kind: str, name: str) -> Problem:
    """A path or query parameter that is none."""
    return Problem(400, f"{FAILED}: '{name}' is no {kind}")


def lacks(what: str) -> Callable[[str], NotFound]:
    """Says that there is none of these with an id or name."""
    return lambda which: NotFound(f"{what} '{which}': Not found")


no_account = lacks("Account")


def no_telemetry(telemetry: str, account: str) -> NotFound:
    return NotFound(f"Telemetry id '{telemetry}': Not found in account '{account}'")


def of(error: AicrError) -> Problem:
    """An error of the engine as the vendor's services say it."""
    if isinstance(error, InvalidRequest | NotFound | Conflict):
        return Refused(error.http_status, error.message)
    return Problem(error.http_status, error.message)
