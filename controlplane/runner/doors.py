"""What the broker of requests is to the runner: it is told which instances take requests."""

from __future__ import annotations

from typing import Protocol


class Doors(Protocol):
    def offer(self, door: str, instance: str, endpoint: str, places: int) -> None:
        """An instance takes so many requests at a time, at host:port, behind a door."""

    def withdraw(self, instance: str) -> None:
        """It takes no new ones; those that it has it keeps."""

    def running(self, instance: str) -> int:
        """How many requests it has."""


class Closed:
    """Doors through which nobody comes."""

    def offer(self, door: str, instance: str, endpoint: str, places: int) -> None: ...

    def withdraw(self, instance: str) -> None: ...

    def running(self, instance: str) -> int:
        return 0
