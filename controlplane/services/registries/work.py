"""What this service changes, each as the work of one transaction."""

from __future__ import annotations

import re
from uuid import uuid4

from controlplane import secretrefs
from controlplane.access import times
from controlplane.address import NAME_PATTERN
from controlplane.artifacts import SECRET as PATH
from controlplane.changes import Changes
from controlplane.plan.effects import secret_name
from controlplane.registries import CREDENTIALS
from controlplane.services.registries import lifecycle, requests
from controlplane.services.registries.requests import Draft, Patch, Secret
from controlplane.state.protocol import Reader, Resource
from controlplane.vault import Vault

# What stands in a spec in place of a reference when the value came over REST.
GIVEN = "given"


def check(reader: Reader, account: str, draft: Draft) -> None:
    """Raises Refused."""
    lifecycle.check_account(reader, account)
    lifecycle.check(reader, draft.spec(account, None))


def create(changes: Changes, vault: Vault, account: str, draft: Draft) -> Resource:
    """Raises Refused."""
    check(changes.tx, account, draft)
    spec = draft.spec(account, _marked(vault, draft.secret))
    id_ = str(uuid4())
    address = _address(changes.tx, draft.secret.name, id_)
    vault.put(changes.tx, secret_name(address, PATH), draft.secret.value)
    status = lifecycle.new_status(spec, draft.secret.value, id_, changes.tx.now)
    return changes.create(address, spec, status, uid=id_)


def _address(reader: Reader, name: str, id_: str) -> str:
    """By its name, unless another credential is called so (for another host or account)."""
    address = f"{CREDENTIALS}.{name}"
    free = re.match(NAME_PATTERN, name) and reader.get(address, deleted=True) is None
    return address if free else f"{CREDENTIALS}.{id_}"


def _marked(vault: Vault, secret: Secret) -> dict[str, str]:
    return {secretrefs.REFERENCE: GIVEN, secretrefs.DIGEST: vault.digest(secret.value)}


def update(changes: Changes, vault: Vault, account: str, id_: str, patch: Patch) -> Resource:
    """More types, another secret and with it another name. Raises Problem."""
    found = lifecycle.owned(changes.tx, account, id_)
    spec, status = dict(found.spec or {}), dict(found.status)
    spec["artifactTypes"] = list(dict.fromkeys((*spec["artifactTypes"], *patch.types)))
    if patch.secret is not None:
        requests.check_secret(spec["registryHostname"], patch.secret)
        marked = _marked(vault, patch.secret)
        spec["secret"] = {"name": patch.secret.name, "value": marked}
        status = lifecycle.with_key_type(status, spec, patch.secret.value)
        vault.put(changes.tx, secret_name(found.address, PATH), patch.secret.value)
    lifecycle.check(changes.tx, spec, own=id_)
    status["lastUpdatedAt"] = times.stamp(times.parse(changes.tx.now))
    return changes.update(found, spec=spec, status=status)


def delete(changes: Changes, account: str, id_: str) -> None:
    """Raises Refused."""
    found = lifecycle.owned(changes.tx, account, id_)
    lifecycle.check_removal(changes.tx, found)
    changes.tx.drop_secret(secret_name(found.address, PATH))
    changes.delete(found)
