"""On which loop a request is answered."""

from __future__ import annotations

import asyncio
from typing import Any

# The extension of ASGI by which a server says it.
LOOP = "aicr.loop"


def loop_of(scope: Any) -> asyncio.AbstractEventLoop:
    """The loop of an ASGI scope. Python 3.11 asks the system which process it is in each time that
    it is asked for its loop, several times in an invocation; a server that says it saves that."""
    found: asyncio.AbstractEventLoop | None = scope.get("extensions", {}).get(LOOP)
    return asyncio.get_running_loop() if found is None else found
