"""Every kind of resource there is: what each service brings, put together."""

from __future__ import annotations

from controlplane.access.kinds import KINDS as ACCESS
from controlplane.kinds import Kind

KINDS: dict[str, Kind] = {**ACCESS}
