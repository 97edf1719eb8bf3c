"""What this API changes, each as the work of one transaction.

What managers ask for is a change; what agents say is an observation, which makes no plan stale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import uuid4

from controlplane.access import times
from controlplane.access.bootstrap import ACCOUNT
from controlplane.changes import STATUS, Changes, lookups
from controlplane.clusters import CLUSTERS
from controlplane.services.sis import answers, lifecycle, rules
from controlplane.services.sis.requests import HEALTHY
from controlplane.state.protocol import Resource

ACCEPTED, SELF_DESTRUCT = "ACCEPTED", "SELF_DESTRUCT"
# Of these an agent is to remove itself.
GONE = ("DELETED", "ABANDONED")
_PLAIN = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9._]{0,100}[A-Za-z0-9])?")


def address(account: str, name: str) -> str:
    """Where a cluster is in the state: names are unique in an account, and those of the default
    account need no more."""
    if account == ACCOUNT:
        return f"{CLUSTERS}.{name}"
    owner = account if _PLAIN.fullmatch(account) else sha256(account.encode()).hexdigest()[:16]
    return f"{CLUSTERS}.{name}@{owner}"


def create(changes: Changes, account: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Register a cluster; the ids that it has. Raises Refused."""
    status = lifecycle.create(changes.tx, account, spec, str(uuid4()))
    where = address(account, spec["clusterName"])
    return answers.ids(changes.create(where, spec, status, uid=status["clusterId"]))


def replace(changes: Changes, account: str, cluster_id: str, wanted: Mapping[str, Any]) -> None:
    """Raises Refused."""
    fault = rules.fields(wanted)
    if fault is not None:
        raise fault
    found = lifecycle.owned(changes.tx, account, cluster_id)
    spec = lifecycle.replaced(found.spec or {}, wanted)
    changes.update(found, spec=spec, status=lifecycle.replace(changes.tx, found, spec))


def delete(changes: Changes, account: str, cluster_id: str) -> None:
    """Raises Refused."""
    found = lifecycle.owned(changes.tx, account, cluster_id)
    lifecycle.check_removal(changes.tx, found)
    changes.delete(found)


def rotate(changes: Changes, cluster_id: str, keys: Mapping[str, Any]) -> None:
    """Other keys, from now on; the issuer stays unless another one is named. Raises Refused."""
    found = lifecycle.known(changes.tx, cluster_id)
    trusted = lifecycle.trust(changes.tx, cluster_id, keys["jwks"], keys.get("oidcIssuer"))
    changes.update(found, status={**found.status, **trusted})


# --------------------------------------------------------------------------- what agents say


def register(changes: Changes, cluster_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """An agent has started. Raises Refused."""
    found = lifecycle.known(changes.tx, cluster_id)
    trusted = lifecycle.trust(changes.tx, cluster_id, said.get("jwks"), said.get("oidcIssuer"))
    discovers = rules.is_dynamic(found.spec or {})
    seen = lifecycle.with_status(
        {**found.status, **trusted},
        status=said["status"],
        k8sVersion=said["k8sVersion"],
        nvcaVersion=said.get("nvcaVersion"),
        gpus=said.get("gpus") if discovers else None,
        nvcaLastConnected=_now(changes),
    )
    _observe(changes, found, seen)
    return {**answers.ids(found), "credentials": answers.CREDENTIALS}


def heartbeat(changes: Changes, cluster_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """An agent is alive; what it is to do. Raises Refused."""
    found = lifecycle.known(changes.tx, cluster_id)
    seen = lifecycle.with_status(
        found.status,
        gpuUsage=said["gpuUsage"],
        clusterUpgradeStatus=said.get("upgradeStatus"),
        nvcaVersion=said.get("nvcaAgentVersion"),
        nvcaLastConnected=_now(changes),
        lastHealthy=_now(changes) if said["status"] == HEALTHY else None,
    )
    _observe(changes, found, seen)
    return {"action": SELF_DESTRUCT if _is_gone(found) else ACCEPTED}


# What events tell of a cluster: not its keys and GPUs, again and again.
_TOLD = ("clusterId", "status", "k8sVersion", "nvcaLastConnected", "lastHealthy")


def _observe(changes: Changes, cluster: Resource, seen: Mapping[str, Any]) -> None:
    """What was seen of a cluster: neither audited nor a change of what is wanted."""
    changed = cluster._replace(status=seen)
    changes.tx.put(changed, lookups(changes.kinds, changed))
    told = {name: seen[name] for name in _TOLD if name in seen}
    changes.tx.event(STATUS, cluster.address, told)


def _is_gone(cluster: Resource) -> bool:
    return cluster.status["status"] in GONE


def _now(changes: Changes) -> str:
    return times.stamp(times.parse(changes.tx.now))
