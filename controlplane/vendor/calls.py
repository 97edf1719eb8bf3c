"""A request as the work of an endpoint sees it: who asks, about what, and with which body."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from controlplane.access.credentials import Caller
from controlplane.changes import Changes
from controlplane.queue.protocol import Load, Position
from controlplane.registries import THROW, Artifact
from controlplane.state.protocol import Reader
from controlplane.vault import Vault


class Call(NamedTuple):
    """`ids` are those of the path, checked; `options` what the query string says."""

    caller: Caller
    ids: Mapping[str, str]
    options: Mapping[str, Any]
    body: Any
    vault: Vault
    # What the service keeps between requests: rows of lists as they were made before.
    rows: Any = None
    # What happens to artifacts that the account cannot pull: throw or log.
    registry_check: str = THROW
    # What goes on at the doors of deployments, and where a request is, for those who ask that.
    loads: Mapping[str, Load] = MappingProxyType({})
    position: Position | None = None

    @property
    def account(self) -> str:
        """The account that is asked about: the caller's, or the one in the path."""
        return self.caller.account


# What an endpoint answers: JSON, its text, or None for an answer without a body (204).
Answer = dict[str, Any] | bytes | None
Read = Callable[[Reader, Call], Answer]
Pulls = Callable[[Reader, Call], Iterable[Artifact]]
Change = Callable[[Changes, Call], Answer]
