"""All collectors at once, each for as long as it may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Thread
from typing import NamedTuple

from aicr import kubectl
from aicr.collect import gpu, kubernetes, linux, odd, systemd, topology
from aicr.collect.facts import Facts
from aicr.errors import AicrError

_SECONDS = 10  # for what has no limit of its own
# Collectors end what they wait for in time; then they still have to hand over what they have.
_MARGIN = 2.0


class Collector(NamedTuple):
    """One measurement type, how long it may take, and how it is taken."""

    kind: str
    seconds: float
    collect: Callable[[], Facts]


def collectors(node: str, kubeconfig: str | None, most: int) -> list[Collector]:
    """The collectors of this machine and its cluster, in the order in which snapshots list them."""

    def nodes() -> Facts:
        return topology.collect(kubectl.within(topology.SECONDS, kubeconfig), most)

    def cluster() -> Facts:
        return kubernetes.collect(kubectl.within(kubernetes.SECONDS, kubeconfig), node)

    return [
        Collector(topology.KIND, topology.SECONDS, nodes),
        Collector(kubernetes.KIND, kubernetes.SECONDS, cluster),
        Collector(systemd.KIND, systemd.SECONDS, systemd.collect),
        Collector(gpu.KIND, gpu.SECONDS, gpu.collect),
        Collector(linux.KIND, _SECONDS, linux.collect),
    ]


def measure(wanted: Iterable[Collector], margin: float = _MARGIN) -> Iterator[tuple[str, Facts]]:
    """Type and facts of each collector, in their order; one that is late by more than `margin` or
    that fails has no facts and a warning."""
    begun = time.monotonic()
    running = [(collector, *_start(collector)) for collector in wanted]
    for collector, thread, found in running:
        thread.join(max(0.0, begun + collector.seconds + margin - time.monotonic()))
        late = f"{collector.kind}: not measured within {collector.seconds:g} s"
        yield collector.kind, found[0] if found else Facts({}, (late,))


def _start(collector: Collector) -> tuple[Thread, list[Facts]]:
    """A daemon, so that one that hangs does not keep the program from ending."""
    found: list[Facts] = []
    thread = Thread(target=lambda: found.append(_tried(collector)), daemon=True)
    thread.start()
    return thread, found


def _tried(collector: Collector) -> Facts:
    try:
        return collector.collect()
    except AicrError as e:
        return Facts({}, (f"{collector.kind}: {e.message}",))
    except (OSError, *odd.SHAPE) as e:
        # A source that answers in another shape must not cost the other measurements.
        return Facts({}, (f"{collector.kind}: {odd.described(e)}",))
