"""What this service refuses, in the vendor's words where they are known (contract 12)."""

from __future__ import annotations

from controlplane.access.apikeys import Mint
from controlplane.http.problems import Problem, Refused


def bad(words: str) -> Refused:
    return Refused(400, words)


def unreadable() -> Problem:
    """A body that is no JSON, or has another type where one is fixed (contract 3.1)."""
    return Problem(400, "Failed to read request")


def no_key() -> Refused:
    return Refused(404, "Key not found")


def no_usable_key() -> Refused:
    """For a key that was shown: gone, expired or suspended is all the same to who asks."""
    return Refused(404, "Key not found.")


def missing(mint: Mint, value: str) -> Refused:
    """A value that is nobody's key: made up, or gone."""
    return no_usable_key() if mint.knows(value) else bad("Key is malformed")


def no_owner() -> Refused:
    return Refused(404, "Key owner not found")


def no_service() -> Refused:
    return Refused(404, "Service not found")


def owner_suspended() -> Refused:
    return Refused(403, "Key owner suspended.")


def too_early(seconds: int) -> Refused:
    return Refused(429, "Slow down.", headers={"Retry-After": str(seconds)})


def gone() -> Refused:
    return Refused(409, "The key that this Idempotency-Key made is gone")


def another_body() -> Refused:
    return Refused(422, "Idempotency-Key was used with another request")
