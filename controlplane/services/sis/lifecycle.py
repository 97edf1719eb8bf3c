"""What clusters may become, given the state: creation, replacement, new keys, deletion.

REST and plans come through here with the same spec, so that both meet the same rules, in the order
of contract 10. Everything is asked inside the transaction that writes the answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from controlplane.clusters import (
    CLUSTERS,
    EVERYBODY,
    NOT_READY,
    by_fingerprint,
    by_group,
    by_id,
    by_name,
    placements,
)
from controlplane.services.sis import errors, jwks, rules
from controlplane.services.sis.rules import Fault, Spec
from controlplane.state.protocol import Reader, Resource

Status = dict[str, Any]
_GROUPS = UUID("6f1d7c3e-2a44-5d0b-9b0e-1f6a5d9c8e21")


class Asked(NamedTuple):
    """A cluster as it is to be: `id` is its own, `siblings` are the others of its group."""

    reader: Reader
    spec: Spec
    id: str
    siblings: list[Resource]


def cluster_id(spec: Spec, uid: str) -> str:
    """The id of a cluster: that of its client when it has one (a name UUID), else of its own."""
    client = spec.get("oAuthClientId")
    if not client:
        return uid
    # The vendor's rule, not a matter of security.
    return str(UUID(bytes=hashlib.md5(client.encode(), usedforsecurity=False).digest(), version=3))


def group_id(asked: Asked) -> str:
    """The id of its group: what its siblings have, or a new one. Both follow from names and ids, so
    that a plan that is applied again makes the same."""
    for sibling in asked.siblings:
        if sibling.status:
            return str(sibling.status["clusterGroupId"])
    spec = asked.spec
    return str(uuid5(_GROUPS, f"{asked.id} {spec['ncaId']} {spec['clusterGroupName']}"))


# --------------------------------------------------------------------------- creation


def _is_registered(asked: Asked) -> Fault:
    if asked.spec.get("oAuthClientId") and asked.reader.find(CLUSTERS, by_id(asked.id)):
        return errors.conflict("A cluster with this client id is registered already")
    return None


def _other_provider(asked: Asked) -> Fault:
    ours = asked.spec["cloudProvider"]
    for sibling in asked.siblings:
        theirs = (sibling.spec or {})["cloudProvider"]
        if theirs != ours:
            return errors.conflict(f"the cluster group is with cloudProvider {theirs}, not {ours}")
    return None


def _shared_gpus(asked: Asked) -> Fault:
    faults = (rules.shared_gpus(asked.spec, s.spec or {}) for s in asked.siblings)
    return next((f for f in faults if f is not None), None)


def _of_spec(rule: Callable[[Spec], Fault]) -> Callable[[Asked], Fault]:
    return lambda asked: rule(asked.spec)


Checks = tuple[Callable[[Asked], Fault], ...]
# In a group that is there, and in a new one.
INTO_GROUP: Checks = (
    _is_registered,
    _other_provider,
    _of_spec(rules.accounts),
    _of_spec(rules.gpus),
    _shared_gpus,
)
NEW_GROUP: Checks = (
    _of_spec(rules.lengths),
    _is_registered,
    _of_spec(rules.accounts),
    _of_spec(rules.not_public),
    _of_spec(rules.gpus),
)


def create(reader: Reader, account: str, spec: Spec, uid: str) -> Status:
    """The status of a cluster that is registered in an account. Raises Refused."""
    _raise(rules.name(spec["clusterName"]))
    if reader.find(CLUSTERS, by_name(account, spec["clusterName"])):
        raise errors.name_taken(spec["clusterName"])
    if spec["ncaId"] != account:
        raise errors.bad(f"ncaId {spec['ncaId']} is not that of the path, {account}")
    _raise(rules.fields(spec))
    asked = _asked(reader, spec, cluster_id(spec, uid))
    _first(INTO_GROUP if asked.siblings else NEW_GROUP, asked)
    status = {"clusterId": asked.id, "clusterGroupId": group_id(asked), "status": NOT_READY}
    return {**status, **trust(reader, asked.id, spec.get("jwks"), spec.get("oidcIssuer"))}


def _asked(reader: Reader, spec: Spec, id_: str) -> Asked:
    found = reader.find(CLUSTERS, by_group(spec["ncaId"], spec["clusterGroupName"]))
    siblings = [r for r in found if r.status.get("clusterId") != id_]
    return Asked(reader, spec, id_, siblings)


# --------------------------------------------------------------------------- replacement


def owned(reader: Reader, account: str, id_: str) -> Resource:
    """A cluster by its id. Raises Refused: 404, and 409 when it is another account's."""
    found = known(reader, id_)
    if (found.spec or {})["ncaId"] != account:
        raise errors.conflict(f"Cluster with clusterId {id_} does not belong to account {account}")
    return found


def known(reader: Reader, id_: str) -> Resource:
    """A cluster by its id, whoever owns it. Raises Refused 404."""
    found = reader.find(CLUSTERS, by_id(id_))
    if not found or found[0].spec is None:
        raise errors.no_cluster(id_)
    return found[0]


# What a PUT does not say and does not take away.
KEPT = (
    "clusterName", "ncaId", "oAuthClientId", "jwks", "oidcIssuer", "criteria", "stack",
)  # fmt: skip


def replaced(before: Spec, wanted: Spec) -> dict[str, Any]:
    """A spec after a PUT."""
    return {**{name: before[name] for name in KEPT if name in before}, **wanted}


def replace(reader: Reader, before: Resource, spec: Spec) -> Status:
    """The status of a cluster whose spec becomes another one. Raises Refused."""
    old, status = before.spec or {}, dict(before.status)
    asked = _asked(reader, spec, status["clusterId"])
    moves = old["clusterGroupName"] != spec["clusterGroupName"]
    _raise(rules.accounts(spec))
    _raise(rules.gpus(spec))
    _raise(_shared_gpus(asked))
    _raise(_takes_away(reader, asked.id, old, spec))
    _raise(_moves(asked, old) if moves else _stays(old, spec))
    if moves:
        status["clusterGroupId"] = group_id(asked)
    if not (rules.is_dynamic(old) and rules.is_dynamic(spec)):
        status.pop("gpus", None)
    if old["nvcaVersion"] != spec["nvcaVersion"]:
        status.pop("nvcaVersion", None)
    if old.get("jwks") != spec.get("jwks") and spec.get("jwks"):
        status.update(trust(reader, asked.id, spec["jwks"], spec.get("oidcIssuer")))
    return status


def _takes_away(reader: Reader, id_: str, old: Spec, new: Spec) -> Fault:
    """Instance types and accounts stay for as long as something runs on them."""
    for p in placements(reader, id_):
        if p.instance_type in _types(old, p.gpu) - _types(new, p.gpu):
            return errors.conflict(f"instance type {p.instance_type} has active instances")
        if not _serves(new, p.account):
            return errors.conflict(f"account {p.account} has active instances")
    return None


def _serves(spec: Spec, account: str) -> bool:
    allowed = spec.get("authorizedNCAIds", ())
    return account == spec["ncaId"] or account in allowed or EVERYBODY in allowed


def _types(spec: Spec, gpu: str) -> set[str]:
    return {t["name"] for g in spec.get("gpus", ()) if g["name"] == gpu for t in g["instanceTypes"]}


def _moves(asked: Asked, old: Spec) -> Fault:
    """To another group: one that is there, or a new one."""
    if asked.siblings:
        return _other_provider(asked)
    too_long = rules.lengths(asked.spec)
    left = asked.reader.find(CLUSTERS, by_group(old["ncaId"], old["clusterGroupName"]))
    if too_long is None and len(left) == 1 and placements(asked.reader, asked.id):
        return errors.conflict("the only cluster of its group has active instances")
    return too_long


def _stays(old: Spec, new: Spec) -> Fault:
    if old["cloudProvider"] != new["cloudProvider"]:
        return errors.conflict("cloudProvider of a cluster group cannot change")
    return None


# --------------------------------------------------------------------------- keys, and the end


def trust(reader: Reader, id_: str, text: str | None, issuer: str | None) -> Status:
    """The keys whose tokens a cluster's agent has. Raises Refused 409 when another cluster has
    them."""
    keys = jwks.parse(text) if text else None
    if keys is None:
        return {}
    mark = jwks.fingerprint(keys)
    if any(r.status["clusterId"] != id_ for r in reader.find(CLUSTERS, by_fingerprint(mark))):
        raise errors.conflict("the jwks is used by another cluster")
    status: Status = {"jwks": text, "fingerprint": mark}
    return {**status, "oidcIssuer": issuer.strip()} if issuer and issuer.strip() else status


def check_removal(reader: Reader, cluster: Resource) -> None:
    """Raises Refused 409 when something runs on a cluster, or it is this machine."""
    if cluster.status.get("embedded"):
        raise errors.conflict("this cluster is the server itself: AICR_CLUSTER_GPUS=off removes it")
    if placements(reader, cluster.status["clusterId"]):
        raise errors.conflict("the cluster has active instances")


def _first(checks: Checks, asked: Asked) -> None:
    for check in checks:
        _raise(check(asked))


def _raise(fault: Fault) -> None:
    if fault is not None:
        raise fault


def with_status(before: Mapping[str, Any], /, **changes: Any) -> Status:
    """A status with other values; None takes nothing away."""
    return {**before, **{name: value for name, value in changes.items() if value is not None}}
