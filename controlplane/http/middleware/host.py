"""A request is for this server: one well-formed Host header, of an allowed name."""

from __future__ import annotations

import re
from collections.abc import Collection

from falcon.asgi import Request, Response

from controlplane.http.middleware import PROBES
from controlplane.http.problems import Problem

_HOST = re.compile(
    rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9.])?)(:[0-9]{1,5})?\Z"
)
# What is wrong with the message itself leaves nothing to trust in what follows it.
_CLOSE = {"Connection": "close"}


class Host:
    """Refuses requests without exactly one Host, and for hosts that are not in a list, if any."""

    def __init__(self, allowed: Collection[str]) -> None:
        self._allowed = frozenset(allowed)

    async def process_request(self, req: Request, resp: Response) -> None:
        hosts = [value for name, value in req.scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not _HOST.match(hosts[0]):
            words = "a request needs exactly one valid Host header"
            raise Problem(400, words, headers=_CLOSE)
        # Probes come by address, whatever name the server has.
        if self._allowed and req.path not in PROBES:
            name = _name(hosts[0].decode("ascii").lower())
            if name not in self._allowed:
                words = f"this server does not answer for {name} (AICR_ALLOWED_HOSTS)"
                raise Problem(400, words, headers=_CLOSE)


def _name(host: str) -> str:
    """Without the port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].removesuffix(".")
