"""What this service refuses, in the vendor's words where they are known (contract 3.1, 4, 5).

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


def no_function(function: str, account: str) -> NotFound:
    return NotFound(f"Function id '{function}': Not found in account '{account}'")


def no_version(function: str, version: str, account: str) -> NotFound:
    words = f"Function id '{function}' version '{version}': Not found in account '{account}'"
    return NotFound(words)


def _lacks(what: str) -> Callable[[str], NotFound]:
    """Says that there is none of these with an id or name."""
    return lambda which: NotFound(f"{what} '{which}': Not found")


no_account = _lacks("Account")
no_deployment_id = _lacks("Deployment id")
no_specification = _lacks("GPU specification id")
no_request = _lacks("Request id")
no_model = _lacks("Model")
no_client = _lacks("Client id")


def no_deployment(version: str) -> NotFound:
    return NotFound(f"Function version id '{version}': No deployment found")


def no_queue(function: str) -> NotFound:
    return NotFound(f"Queue of function '{function}' not found: it is likely not deployed")


def no_telemetry(telemetry: str, account: str) -> NotFound:
    return NotFound(f"Telemetry id '{telemetry}': Not found in account '{account}'")


def public(function: str) -> InvalidRequest:
    return InvalidRequest(f"Function id '{function}': not allowed for a public function")


def of(error: AicrError) -> Problem:
    """An error of the engine as this service says it."""
    if isinstance(error, InvalidRequest | NotFound | Conflict):
        return Refused(error.http_status, error.message)
    return Problem(error.http_status, error.message)
