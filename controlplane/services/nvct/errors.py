"""What this service refuses, in the vendor's words where they are known (contract 11)."""

from __future__ import annotations

from aicr.errors import InvalidRequest, NotFound
from controlplane.http.problems import Refused


def no_task(task: str, account: str) -> NotFound:
    return NotFound(f"Task id '{task}': Not found in account '{account}'")


def has_ended(action: str, status: str) -> InvalidRequest:
    return InvalidRequest(f"Cannot {action} a Task with '{status}' terminal status")


def bad_cursor(cursor: str) -> Refused:
    return Refused(400, f"Invalid cursor: {cursor[:64]}")
