"""What is wrong with single resources and instances: said once in the log, and known while it is
there."""

from __future__ import annotations

from collections.abc import Collection

from aicr.errors import AicrError
from controlplane.http.log import log
from controlplane.runtime.protocol import FAILED, Health


class Faults:
    """The last fault of each, by address or id."""

    def __init__(self) -> None:
        self._known: dict[str, Health] = {}

    def note(self, name: str, what: str, error: Exception, state: str = FAILED) -> Health:
        """The health of something for which `what` is so because of an error. What people are shown
        of it says nothing of what only the log should: where in this program it was."""
        ours = isinstance(error, AicrError)
        words = error.message if isinstance(error, AicrError) else "an internal error"
        health = Health(state, f"{what}: {words}")
        if self._known.get(name) != health:
            trace = None if ours else error
            log("error", what, of=name, error=str(error), trace=trace)
        self._known[name] = health
        return health

    def get(self, name: str) -> Health | None:
        return self._known.get(name)

    def over(self, name: str) -> None:
        """It is well again."""
        self._known.pop(name, None)

    def keep(self, names: Collection[str]) -> None:
        """Forget all but these."""
        self._known = {n: h for n, h in self._known.items() if n in names}
