"""This machine as a cluster: what makes a fresh server able to deploy at once.

It is there from the first start, READY for as long as the server runs, and protected, so that no
plan prunes it. What the settings say of its GPUs is what it has, unless a plan manages it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from aicr._version import __version__
from controlplane.access.bootstrap import ACCOUNT, ACTOR
from controlplane.changes import UPDATED, Changes, observe
from controlplane.clusters import CLUSTERS, EVERYBODY, NOT_READY, READY, SINGLE
from controlplane.engine import Engine
from controlplane.region import REGION
from controlplane.services.sis import lifecycle, rules
from controlplane.services.sis.lifecycle import Asked
from controlplane.state.protocol import Reader, Resource

NAME = "ncp-local"
ADDRESS = f"{CLUSTERS}.{NAME}"
Gpus = Mapping[str, int]


def ensure(engine: Engine, gpus: Gpus) -> None:
    """Make this machine the cluster that the settings say; writes only what differs."""
    if engine.store.read(lambda reader: _is_as_wanted(reader, gpus)):
        return
    engine.change_now(ACTOR, lambda changes: _ensure(changes, gpus))


def _is_as_wanted(reader: Reader, gpus: Gpus) -> bool:
    found = reader.get(ADDRESS)
    if found is None:
        return not gpus
    if not gpus:
        return not found.status.get("embedded")
    return bool(found.status.get("embedded")) and _spec(found.spec or {}, gpus, found) == found.spec


def _ensure(changes: Changes, gpus: Gpus) -> None:
    found = changes.tx.get(ADDRESS)
    if found is None:
        if gpus:
            _create(changes, gpus)
    elif gpus:
        status = {**found.status, "status": READY, "embedded": True}
        changes.update(found, spec=_spec(found.spec or {}, gpus, found), status=status)
    elif found.applied is None:
        changes.delete(changes.put(found._replace(protected=False), UPDATED))
    else:  # somebody wants it to be known: it is, as a cluster without an agent
        off = {k: v for k, v in found.status.items() if k != "embedded"}
        observe(changes.tx, changes.kinds, found, {**off, "status": NOT_READY})


def _create(changes: Changes, gpus: Gpus) -> None:
    uid = str(uuid4())
    spec = _spec(_NEW, gpus, None)
    group = lifecycle.group_id(Asked(changes.tx, spec, uid, []))
    status = {"clusterId": uid, "clusterGroupId": group, "status": READY, "embedded": True}
    made = changes.create(ADDRESS, spec, status, uid=uid)
    changes.put(made._replace(protected=True), UPDATED)


_NEW: Mapping[str, Any] = {
    "clusterName": NAME,
    "clusterGroupName": NAME,
    "ncaId": ACCOUNT,
    "cloudProvider": "NCP",
    "region": REGION,
    "clusterDescription": "This machine",
    "authorizedNCAIds": [EVERYBODY],
    "capabilities": [],
    "attributes": [],
    "customAttributes": [],
    "clusterSource": rules.NGC_MANAGED,
    "clusterConfigurations": {},
    "clusterConfigurationFiles": {},
}


def _spec(before: Mapping[str, Any], gpus: Gpus, found: Resource | None) -> dict[str, Any]:
    """A spec with the GPUs of the settings and our version; that of a plan is the plan's."""
    if found is not None and found.applied is not None:
        return dict(before)
    declared = [_gpu(name, gpus[name]) for name in sorted(gpus)]
    return {**before, "nvcaVersion": __version__, "gpus": declared}


def _gpu(name: str, count: int) -> dict[str, Any]:
    sizes = [n for n in (1, 2, 4, 8) if n <= count]
    return {
        "name": name,
        "capacity": count,
        "instanceTypes": [_instance_type(name, n) for n in sizes],
    }


def _instance_type(gpu: str, count: int) -> dict[str, Any]:
    name = f"NCP.GPU.{gpu}_{count}x"
    return {
        "name": name,
        "value": name,
        "description": f"{count} x {gpu}",
        "default": count == 1,
        "nodeType": SINGLE,
        "gpuCount": count,
    }
