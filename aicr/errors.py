"""Errors a user can cause or meet, and the one table from error to exit code and HTTP status.

The codes and their exit numbers are AICR's (contract section 15). The code always names the root
cause: a bad value is INVALID_REQUEST wherever it was found.
"""

from __future__ import annotations


class AicrError(Exception):
    """Print this without a traceback: the message says what to do.

    `code` is the wire name, `exit_code` what the command line exits with, `http_status` what the
    server answers; `details` is JSON data for machines.
    """

    code = "INTERNAL"
    exit_code = 8
    http_status = 500

    def __init__(self, message: str, *, details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}"


class InvalidRequest(AicrError):
    code, exit_code, http_status = "INVALID_REQUEST", 2, 400


class NotFound(AicrError):
    code, exit_code, http_status = "NOT_FOUND", 3, 404


class Unauthorized(AicrError):
    code, exit_code, http_status = "UNAUTHORIZED", 4, 401


class Forbidden(AicrError):
    """Known, and not allowed."""

    code, exit_code, http_status = "FORBIDDEN", 4, 403


class Conflict(AicrError):
    """What is there does not fit what was asked: stale, taken, used, locked or protected."""

    code, exit_code, http_status = "CONFLICT", 2, 409


class Gone(AicrError):
    code, exit_code, http_status = "GONE", 3, 410


class Full(AicrError):
    """No room to store anything."""

    code, exit_code, http_status = "INSUFFICIENT_STORAGE", 6, 507


class Timeout(AicrError):
    code, exit_code, http_status = "TIMEOUT", 5, 504


class Unavailable(AicrError):
    code, exit_code, http_status = "SERVICE_UNAVAILABLE", 6, 503


class RateLimited(AicrError):
    code, exit_code, http_status = "RATE_LIMIT_EXCEEDED", 7, 429


class CheckFailed(AicrError):
    """A validation that ran and did not pass; AICR exits 8 for it."""


class Internal(AicrError):
    """Something in this program is wrong; not the user's doing."""


# Exit code of command-line mistakes (unknown flag, missing argument), as AICR has it. click says 2,
# which here means invalid input.
EXIT_USAGE = 1
EXIT_UNKNOWN_COMMAND = 3
EXIT_INTERRUPTED = 130
