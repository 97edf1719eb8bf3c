"""What this service refuses, in the vendor's words where they are known (contract 3.1, 4, 5).

What depends on the state is refused with the engine's errors, since plans meet it, too; the routes
say them as the vendor does.
"""

from __future__ import annotations

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


def no_account(account: str) -> NotFound:
    return NotFound(f"Account '{account}': Not found")


def no_function(function: str, account: str) -> NotFound:
    return NotFound(f"Function id '{function}': Not found in account '{account}'")


def no_version(function: str, version: str, account: str) -> NotFound:
    words = f"Function id '{function}' version '{version}': Not found in account '{account}'"
    return NotFound(words)


def no_deployment(version: str) -> NotFound:
    return NotFound(f"Function version id '{version}': No deployment found")


def no_deployment_id(deployment: str) -> NotFound:
    return NotFound(f"Deployment id '{deployment}': Not found")


def no_specification(specification: str) -> NotFound:
    return NotFound(f"GPU specification id '{specification}': Not found")


def no_queue(function: str) -> NotFound:
    return NotFound(f"Queue of function '{function}' not found: it is likely not deployed")


def no_telemetry(telemetry: str, account: str) -> NotFound:
    return NotFound(f"Telemetry id '{telemetry}': Not found in account '{account}'")


def no_request(request: str) -> NotFound:
    return NotFound(f"Request id '{request}': Not found")


def no_model(model: str) -> NotFound:
    return NotFound(f"Model '{model}': Not found")


def no_client(client: str) -> NotFound:
    return NotFound(f"Client id '{client}': Not found")


def public(function: str) -> InvalidRequest:
    return InvalidRequest(f"Function id '{function}': not allowed for a public function")


def of(error: AicrError) -> Problem:
    """An error of the engine as this service says it."""
    if isinstance(error, InvalidRequest | NotFound | Conflict):
        return Refused(error.http_status, error.message)
    return Problem(error.http_status, error.message)
