"""Ids that follow from others."""

from __future__ import annotations

import hashlib
from uuid import UUID


def derived(uid: str, what: str) -> str:
    """An id that follows from the uid of a resource, since a status may not depend on chance."""
    digest = hashlib.sha256(f"{uid} {what}".encode()).digest()
    return str(UUID(bytes=digest[:16], version=4))
