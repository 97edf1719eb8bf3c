"""Every kind of resource there is: what each service brings, put together."""

from __future__ import annotations

from controlplane.access.kinds import KINDS as ACCESS
from controlplane.kinds import Kind
from controlplane.services.aicr import kinds as aicr
from controlplane.services.nvcf import assets
from controlplane.services.nvcf import kinds as nvcf
from controlplane.services.nvct import kinds as nvct
from controlplane.services.registries import kinds as registries
from controlplane.services.sis import kinds as sis

KINDS: dict[str, Kind] = {
    **ACCESS,
    **aicr.KINDS,
    **nvcf.KINDS,
    **assets.KINDS,
    **nvct.KINDS,
    **sis.KINDS,
    **registries.KINDS,
}
