"""Where instances go: what fits, the freest first, and what stays where it is."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane import placing
from controlplane.clusters import SINGLE, Cluster, Gpu, Group, InstanceType
from controlplane.placing import Wanted
from tests.controlplane.services.calling import without


def type_(name: str, gpus: int = 1) -> InstanceType:
    return InstanceType(name, f"{name}-value", False, SINGLE, gpus, {})


def cluster(name: str, free: int = 8, **more: Any) -> Cluster:
    gpus = (Gpu("H100", 8, free, (type_("1x"), type_("4x", 4))),)
    found = Cluster(
        f"id-{name}", name, "g", "g", "a", frozenset(), "AWS", "us-west-1", ("HostIsolation",),
        None, "READY", gpus, reports=True,
    )  # fmt: skip
    return found._replace(**more)


def group(*clusters: Cluster, name: str = "g") -> Group:
    return Group(name, name, "a", (), (), clusters)


def asked(**more: Any) -> dict[str, Any]:
    return {"gpu": "H100", "instanceType": "1x", **more}


TWO = [group(cluster("one"), cluster("two", region="eu-west-1", attributes=())),
       group(cluster("three"), name="h")]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ({}, ["one", "two", "three"]),
        ({"backend": "H"}, ["three"]),
        ({"backend": " "}, ["one", "two", "three"]),
        ({"backend": "no"}, []),
        ({"clusters": ["Two", "three"]}, ["two", "three"]),
        ({"clusters": [""]}, ["one", "two", "three"]),
        ({"regions": ["eu-west-1"]}, ["two"]),
        ({"attributes": ["hostisolation"]}, ["one", "three"]),
        ({"attributes": ["HostIsolation", "other"]}, []),
        ({"instanceType": "1X-Value"}, ["one", "two", "three"]),
        ({"instanceType": "2x"}, []),
        ({"gpu": "h100"}, ["one", "two", "three"]),
        ({"gpu": "L40S"}, []),
    ],
)
def test_what_fits(more: dict[str, Any], names: list[str]) -> None:
    assert [p.cluster.name for p in placing.places(TWO, asked(**more))] == names


def place(
    groups: list[Group], count: int, before: Any = (), **more: Any
) -> list[tuple[str, str, int]]:
    """Clusters, instance types and numbers of what is placed for one specification."""
    reader: Any = None  # these clusters say themselves what is free
    wanted = [Wanted("s", asked(**more), count)]
    found = placing.place(reader, "b", wanted, before, lambda: groups)
    assert {(p["ncaId"], p["gpu"], p["gpuSpecificationId"]) for p in found} <= {("b", "H100", "s")}
    return [(p["clusterId"], p["instanceType"], p["instances"]) for p in found]


@pytest.mark.parametrize(
    ("free", "count", "type_", "shares"),
    [
        ((8, 8), 3, "1x", {"one": 3}),
        ((2, 8), 3, "1x", {"two": 3}),
        ((2, 8), 9, "1x", {"one": 1, "two": 8}),
        ((2, 8), 12, "1x", {"one": 2, "two": 8}),
        ((0, 0), 2, "1x", {}),
        ((7, 4), 2, "4x", {"one": 1, "two": 1}),
        ((8, 8), 0, "1x", {}),
    ],
)
def test_the_freest_comes_first(
    free: tuple[int, int], count: int, type_: str, shares: dict[str, int]
) -> None:
    groups = [group(cluster("one", free[0]), cluster("two", free[1]))]
    found = place(groups, count, instanceType=type_)
    assert sorted(found) == [(f"id-{n}", type_, k) for n, k in sorted(shares.items())]


def test_there_is_never_more_than_there_is_room_for() -> None:
    assert place([group(cluster("one", 3))], 2**31 - 1) == [("id-one", "1x", 3)]


def test_what_fits_nowhere_is_nowhere() -> None:
    assert place([group(cluster("one"))], 3, gpu="L40S") == []
    assert place([], 3) == []


def placed(name: str, instances: int, of: str = "s") -> dict[str, Any]:
    return {"clusterId": f"id-{name}", "ncaId": "b", "gpu": "H100", "instanceType": "1x",
            "gpuSpecificationId": of, "instances": instances}  # fmt: skip


def test_what_is_placed_stays() -> None:
    groups = [group(cluster("one"), cluster("two", 4))]
    before = [placed("two", 2)]
    assert place(groups, 2, before) == [("id-two", "1x", 2)]
    assert place(groups, 3, before) == [("id-two", "1x", 2), ("id-one", "1x", 1)]
    assert place([group(cluster("two"))], 3, before) == [("id-two", "1x", 3)]
    assert before == [placed("two", 2)]


def test_what_is_too_much_goes_from_the_last() -> None:
    before = [placed("one", 2), placed("two", 3), placed("one", 4, "other")]
    assert placing.trimmed(before, {"s": 3, "other": 9}) == [
        placed("one", 2), placed("two", 1), placed("one", 4, "other"),
    ]  # fmt: skip
    assert placing.trimmed(before, {"s": 2}) == [placed("one", 2)]


@pytest.mark.parametrize(
    "other",
    [{"clusterId": "id-no"}, {"gpu": "L40S"}, {"instanceType": "4x"}, {"gpuSpecificationId": "t"}],
)
def test_what_no_longer_fits_is_placed_anew(other: dict[str, str]) -> None:
    groups, wanted = [group(cluster("one"))], [Wanted("s", asked(), 1)]
    assert placing.fitting([placed("one", 1)], wanted, groups) == [placed("one", 1)]
    assert placing.fitting([{**placed("one", 1), **other}], wanted, groups) == []


def test_offers_are_asked_only_when_something_is_missing() -> None:
    def never() -> list[Group]:
        raise AssertionError

    reader: Any = None
    before = [placed("one", 2)]
    found = placing.place(reader, "b", [Wanted("s", asked(), 1)], before, never)
    assert without(found[0], ["instances"]) == without(before[0], ["instances"])


def test_what_became_of_placements() -> None:
    names = [("0.0", "RUNNING"), ("0.3", "RUNNING"), ("0.4", "RUNNING"), ("1.0", "STARTING")]
    status = {
        "gpuSpecificationIds": ["s", "t"],
        "placements": [placed("one", 2), placed("one", 1, "t"), placed("two", 2)],
        "instances": [{"name": n, "state": s} for n, s in names],
    }
    found = [(s.placed["clusterId"], s.active, s.pending) for s in placing.shares(status)]
    assert found == [("id-one", 2, 0), ("id-one", 0, 1), ("id-two", 1, 1)]


@pytest.mark.parametrize(("states", "active"), [((), 0), (("STARTING",), 0), (("RUNNING",), 1)])
def test_a_task_is_placed_without_a_number(states: tuple[str, ...], active: int) -> None:
    alone = without(placed("one", 1), ["gpuSpecificationId", "instances"])
    instances = [{"name": f"{i}", "state": s} for i, s in enumerate(states)]
    (found,) = placing.shares({"placements": [alone], "instances": instances})
    assert (found.active, found.pending) == (active, 1 - active)


def test_nothing_is_placed() -> None:
    assert list(placing.shares({"status": "QUEUED"})) == []
