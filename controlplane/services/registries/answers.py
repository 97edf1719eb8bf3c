"""Answers of this service, field by field in the order of contract 8.2; nulls are left out, and the
value of a secret is in none of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane import registries
from controlplane.registries import TYPES, Registry
from controlplane.state.protocol import Reader, Resource

Answer = dict[str, Any]


def _credential(reader: Reader, credential: Resource) -> Answer:
    spec, status = credential.spec or {}, credential.status
    types, host = spec["artifactTypes"], spec["registryHostname"]
    found = registries.find(reader, types[0], host)
    answer = {
        "registryCredentialId": status["registryCredentialId"],
        "ncaId": spec["ncaId"],
        "registryCredentialName": spec["secret"]["name"],
        "registryName": host if found is None else found.name,
        "registryHostname": host,
        "artifactTypes": types,
        "tags": spec.get("tags") or None,
        "description": spec.get("description"),
        "provisionedBy": status["provisionedBy"],
        "keyType": status.get("keyType"),
        "lastUpdatedAt": status["lastUpdatedAt"],
        "createdAt": status["createdAt"],
    }
    return {name: value for name, value in answer.items() if value is not None}


def one(reader: Reader, credential: Resource) -> Answer:
    return {"registryCredential": _credential(reader, credential)}


def listed(
    reader: Reader, account: str, types: frozenset[str], provisioned: frozenset[str]
) -> Answer:
    """The credentials of an account that are for some of these types, by name."""
    found = [
        _credential(reader, r)
        for r in registries.credentials(reader, account)
        if not types.isdisjoint((r.spec or {})["artifactTypes"])
        and r.status["provisionedBy"] in provisioned
    ]
    return {"registryCredentials": sorted(found, key=lambda c: c["registryCredentialName"])}


def recognized(found: Iterable[Registry]) -> Answer:
    """Registries by type, each list by name."""
    every = sorted(found)
    return {
        "recognizedRegistries": {
            type_: [{"name": r.name, "hostname": r.hostname} for r in every if type_ in r.types]
            for type_ in TYPES
        }
    }
