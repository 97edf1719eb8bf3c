"""Where components run: selectors, tolerations, the gate and the node count go to the value paths
that the registry declares (contract 9.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aicr.bundle.options import Options


class Write(NamedTuple):
    """What a flag puts where: into every path that `paths` finds in a registry entry."""

    flag: str
    given: bool
    value: Any
    paths: tuple[str, ...]


def inject(values: Mapping[str, Any], entry: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The values with every scheduling option at the paths of the registry entry.

    Selectors and tolerations replace what stood there; what is no map on the way is replaced too.
    """
    result = dict(values)
    for write in _writes(options):
        for path in _paths(entry, write) if write.given else ():
            result = _force(result, path.split("."), write.value)
    return result


def flags_given(options: Options) -> list[str]:
    """The flags that somebody stated; tolerations have a default, which nobody did."""
    default = {write.flag: write.value for write in _writes(Options())}
    return [w.flag for w in _writes(options) if w.given and w.value != default[w.flag]]


def flags_read(entry: Mapping[str, Any]) -> list[str]:
    """The flags that a component has a place for."""
    return [write.flag for write in _writes(Options()) if _paths(entry, write)]


def _writes(o: Options) -> list[Write]:
    """In the order in which later writes win."""
    system, accelerated = ("nodeScheduling", "system"), ("nodeScheduling", "accelerated")
    workload = ("podScheduling", "workload")
    selector, tolerations = "nodeSelectorPaths", "tolerationPaths"
    return [
        Write("--system-node-selector", bool(o.system_selector), dict(o.system_selector),
              (*system, selector)),
        Write("--system-node-toleration", True, [dict(t) for t in o.system_tolerations],
              (*system, tolerations)),
        Write("--accelerated-node-selector", bool(o.accelerated_selector),
              dict(o.accelerated_selector), (*accelerated, selector)),
        Write("--accelerated-node-toleration", True, [dict(t) for t in o.accelerated_tolerations],
              (*accelerated, tolerations)),
        Write("--workload-selector", bool(o.workload_selector), dict(o.workload_selector),
              (*workload, "workloadSelectorPaths")),
        Write("--workload-gate", bool(o.workload_gate), o.workload_gate,
              (*accelerated, "taintStrPaths")),
        Write("--nodes", bool(o.nodes), o.nodes, ("nodeScheduling", "nodeCountPaths")),
    ]  # fmt: skip


def _paths(entry: Mapping[str, Any], write: Write) -> list[str]:
    """The value paths of a registry entry for a flag."""
    below: Any = entry
    for key in write.paths:
        below = (below or {}).get(key)
    return below or []


def _force(values: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    head, rest = path[0], path[1:]
    if not rest:
        return {**values, head: value}
    below = values.get(head)
    return {**values, head: _force(below if isinstance(below, Mapping) else {}, rest, value)}
