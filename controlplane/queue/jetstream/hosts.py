"""The runners that a worker has heard of, and how many instances each has behind which door."""

from __future__ import annotations

from collections import defaultdict


class Hosts:
    """Values in memory; times are those of any clock, in seconds."""

    def __init__(self) -> None:
        self._runs: dict[str, str] = {}
        self._heard: dict[str, float] = {}
        self._behind: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def heard(self, host: str, run: str, now: float) -> bool:
        """A runner is there; whether this one does not know the worker yet."""
        new = self._runs.get(host) != run
        self._runs[host], self._heard[host] = run, now
        return new

    def forget(self, host: str) -> list[str]:
        """A runner is gone; the doors behind which it had instances."""
        self._runs.pop(host, None)
        self._heard.pop(host, None)
        return [door for door, counts in self._behind.items() if counts.pop(host, 0)]

    def silent(self, since: float) -> list[str]:
        """Those of which nothing was heard since then."""
        return sorted(host for host, at in self._heard.items() if at < since)

    def names(self) -> list[str]:
        return sorted(self._runs)

    def count(self, door: str, host: str, many: int) -> None:
        """A runner has so many instances behind a door."""
        self._behind[door][host] = many

    def behind(self, door: str) -> int:
        """How many instances all of them have behind a door."""
        return sum(self._behind[door].values())
