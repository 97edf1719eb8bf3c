"""What this service refuses, in the vendor's words where they are known (contract 8)."""

from __future__ import annotations

from controlplane.http.problems import Problem, Refused


def bad(words: str) -> Refused:
    return Refused(400, words)


def unreadable() -> Problem:
    """A body that is no JSON, or has another type where one is fixed (contract 3.1)."""
    return Problem(400, "Failed to read request")


def invalid(field: str, rejected: object, words: str) -> Problem:
    """One field that is wrong, as the vendor's framework says it. Secrets are never repeated."""
    entry = f"[object=registryCredential, field={field}, rejected={rejected}, message={words}]"
    return Problem(400, f"Validation failed: {entry}")


def empty() -> Problem:
    return Problem(400, "Validation failed")


def no_credential(credential_id: str, account: str) -> Refused:
    words = f"Registry credential id '{credential_id}': Not found in account '{account}'"
    return Refused(404, words)


def no_account(account: str) -> Refused:
    return Refused(404, f"Account '{account}': Not found")


def unrecognized(type_: str, hostname: str) -> Refused:
    return bad(f"{type_} registry with hostname '{hostname}' is not yet recognized")


def taken(hostname: str, name: str) -> Refused:
    words = f"A registry credential '{name}' for hostname '{hostname}' already exists"
    return Refused(409, words)


def too_many(limit: int) -> Refused:
    return bad(f"An account has at most {limit} registry credentials")


def system() -> Refused:
    return bad("Registry credentials that the system provisioned cannot be deleted")


def in_use(users: list[str]) -> Refused:
    return bad(f"The registry credential is in use by {', '.join(users)}")
