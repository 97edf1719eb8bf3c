"""Clusters as resources."""

from __future__ import annotations

from aicr.errors import AicrError, Conflict, InvalidRequest
from controlplane.access.kinds import ACCOUNTS
from controlplane.clusters import CLUSTERS, lookups
from controlplane.http.problems import Refused
from controlplane.kinds import Kind, Making, Spec, table
from controlplane.services.sis import lifecycle
from controlplane.services.sis.models import ClusterSpec


def _status(making: Making) -> Spec:
    """A cluster of a manifest meets the rules that one of REST meets."""
    try:
        spec, reader = making.spec, making.reader
        known = reader.get(making.address) if making.before else None
        if known is None:
            return lifecycle.create(reader, spec["ncaId"], spec, making.uid)
        return lifecycle.replace(reader, known, spec)
    except Refused as e:
        raise _said(e, making.address) from None


def _said(refused: Refused, address: str) -> AicrError:
    words = f"{address}: {refused.message}"
    return Conflict(words) if refused.status in (409, 412) else InvalidRequest(words)


KINDS = table(
    Kind(
        CLUSTERS,
        ClusterSpec,
        "Self-hosted clusters, with what they were registered with.",
        immutable=frozenset({"clusterName", "ncaId", "oAuthClientId"}),
        references={"ncaId": ACCOUNTS},
        recipe="criteria",
        lookups=lookups,
        status=_status,
    )
)
