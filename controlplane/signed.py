"""URLs of this server that are good for whoever has them, for a while: no bearer is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from controlplane.vault import Vault

# How long a URL is good, in seconds.
GOOD_FOR = 3600
_SECONDS = re.compile(r"[0-9]{1,12}")


def url(base: str, vault: Vault, what: str, now: float) -> str:
    """A URL that allows what it is said to, from `now` on in Unix seconds. Only this installation
    can make one."""
    expires = int(now) + GOOD_FOR
    mark = vault.sign(_text(what, expires))
    return f"{base}?{urlencode({'expires': expires, 'signature': mark})}"


def allows(vault: Vault, what: str, query: Mapping[str, Any], now: float) -> bool:
    """Whether a query string says that this may be done now."""
    expires, signature = str(query.get("expires")), str(query.get("signature"))
    if not _SECONDS.fullmatch(expires) or int(expires) <= now:
        return False
    return vault.signed(_text(what, int(expires)), signature)


def _text(what: str, expires: int) -> str:
    return f"{what} {expires}"
