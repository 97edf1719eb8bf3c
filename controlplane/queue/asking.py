"""What links that do what is asked themselves have in common."""

from __future__ import annotations

import asyncio
from typing import Any

# What Seats asks; each is a method of a link, `_` before its name, from facts to the answer later.
COMMANDS = (
    "hello", "take", "cancel", "give", "count", "loads", "position", "settled", "returned",
)  # fmt: skip


class Asking:
    """The half of a Link that is asked."""

    def ask(self, do: str, **facts: Any) -> asyncio.Future[Any]:
        if do not in COMMANDS:
            raise ValueError(do)
        asked: asyncio.Future[Any] = getattr(self, f"_{do}")(facts)
        # Whoever only tells does not look.
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        return asked

    def tell(self, do: str, **facts: Any) -> None:
        self.ask(do, **facts)
