"""Whether the server wants requests, and why not."""

from __future__ import annotations


class Lifecycle:
    """Readiness of one worker: ready unless there is a reason; a note says what else is wrong."""

    def __init__(self) -> None:
        self.reason = ""  # why the server is not ready
        self.note = ""  # what a reload failed with; the server goes on with what it had

    @property
    def ready(self) -> bool:
        return not self.reason
