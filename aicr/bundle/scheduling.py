"""Where components run: selectors, tolerations, the gate and the node count go to the value paths
that the registry declares (contract 9.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from aicr.bundle.options import Options


def inject(values: Mapping[str, Any], entry: Mapping[str, Any], options: Options) -> dict[str, Any]:
    """The values with every scheduling option at the paths of the registry entry.

    Selectors and tolerations replace what stood there; what is no map on the way is replaced too.
    """
    result = dict(values)
    for paths, value in _writes(entry, options):
        for path in paths or []:
            result = _force(result, path.split("."), value)
    return result


def _writes(entry: Mapping[str, Any], options: Options) -> Iterator[tuple[list[str] | None, Any]]:
    """Registry paths and what goes there, in the order in which later writes win."""
    scheduling = entry.get("nodeScheduling") or {}
    system, accelerated = (scheduling.get(k) or {} for k in ("system", "accelerated"))
    workload = (entry.get("podScheduling") or {}).get("workload") or {}
    if options.system_selector:
        yield system.get("nodeSelectorPaths"), dict(options.system_selector)
    yield system.get("tolerationPaths"), [dict(t) for t in options.system_tolerations]
    if options.accelerated_selector:
        yield accelerated.get("nodeSelectorPaths"), dict(options.accelerated_selector)
    yield accelerated.get("tolerationPaths"), [dict(t) for t in options.accelerated_tolerations]
    if options.workload_selector:
        yield workload.get("workloadSelectorPaths"), dict(options.workload_selector)
    if options.workload_gate:
        yield accelerated.get("taintStrPaths"), options.workload_gate
    if options.nodes:
        yield scheduling.get("nodeCountPaths"), options.nodes


def _force(values: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    head, rest = path[0], path[1:]
    if not rest:
        return {**values, head: value}
    below = values.get(head)
    return {**values, head: _force(below if isinstance(below, Mapping) else {}, rest, value)}
