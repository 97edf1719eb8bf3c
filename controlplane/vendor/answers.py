"""Parts of answers: fields in the order of the contract, what is not there left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.kinds import Spec
from controlplane.vendor.lookups import TELEMETRY_FIELDS

# Nested objects in the order of their fields; what is not named is as it is.
Order = Mapping[str, Any]
ORDERS: Mapping[str, Order] = {
    "resources": dict.fromkeys(("name", "version", "uri")),
    "telemetries": dict.fromkeys(TELEMETRY_FIELDS),
    "helmValidationPolicy": {
        "name": None,
        "extraKubernetesTypes": dict.fromkeys(("group", "version", "kind")),
    },
}


def ordered(value: Any, order: Order | None) -> Any:
    """A value with the fields of its objects in an order."""
    if order is None:
        return value
    if isinstance(value, list):
        return [ordered(v, order) for v in value]
    return {k: ordered(value[k], below) for k, below in order.items() if k in value}


def put(body: dict[str, Any], spec: Spec, orders: Mapping[str, Order], *names: str) -> None:
    """Copy those fields that are there."""
    for name in names:
        if name in spec:
            body[name] = ordered(spec[name], orders.get(name))
