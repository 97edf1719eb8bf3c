"""The runners that a worker has heard of, and how many instances each has behind which door."""

from __future__ import annotations


class Hosts:
    """Values in memory; times are those of any clock, in seconds."""

    def __init__(self) -> None:
        self._sessions: dict[str, str] = {}
        self._heard: dict[str, float] = {}
        self._behind: dict[str, dict[str, int]] = {}

    def heard(self, host: str, session: str, now: float) -> bool:
        """A runner is there; whether this connection of it does not know the worker yet."""
        new = self._sessions.get(host) != session
        self._sessions[host], self._heard[host] = session, now
        return new

    def knows(self, host: str, session: str) -> bool:
        """Whether this connection of a runner was heard before."""
        return self._sessions.get(host) == session

    def forget(self, host: str) -> list[str]:
        """A runner is gone; the doors behind which it had instances."""
        self._sessions.pop(host, None)
        self._heard.pop(host, None)
        doors = [door for door, counts in self._behind.items() if host in counts]
        for door in doors:
            self.count(door, host, 0)
        return doors

    def silent(self, since: float) -> list[str]:
        """Those of which nothing was heard since then."""
        return sorted(host for host, at in self._heard.items() if at < since)

    def names(self) -> list[str]:
        return sorted(self._sessions)

    def count(self, door: str, host: str, many: int) -> None:
        """A runner has so many instances behind a door."""
        counts = self._behind.setdefault(door, {})
        counts[host] = many
        if not many:
            del counts[host]
        if not counts:
            del self._behind[door]

    def behind(self, door: str) -> int:
        """How many instances all of them have behind a door."""
        return sum(self._behind.get(door, {}).values())
