"""What every installation has from its first start: an account, a client, and its own secrets."""

from __future__ import annotations

from controlplane.access import roots
from controlplane.access.kinds import ACCOUNTS, CLIENTS
from controlplane.access.roots import Roots
from controlplane.changes import UPDATED, Changes
from controlplane.engine import Engine
from controlplane.state.protocol import Actor, Json
from controlplane.vault import Vault

ACCOUNT, CLIENT = "nvcf-default", "ncp"
ACTOR = Actor("bootstrap")
# In order: the client refers to the account.
_RESOURCES: dict[str, Json] = {
    f"{ACCOUNTS}.{ACCOUNT}": {},
    f"{CLIENTS}.{CLIENT}": {"account": ACCOUNT, "description": "Administration"},
}


def bootstrap(changes: Changes) -> None:
    """Create the default account and client, protected, where an import has not made them."""
    for address, spec in _RESOURCES.items():
        if changes.tx.get(address, deleted=True) is None:
            made = changes.create(address, spec)
            changes.put(made._replace(protected=True), UPDATED)


def prepare(engine: Engine) -> Roots:
    """The secrets of the installation, after making sure of it; writes at the first start only."""
    found = engine.store.read(lambda reader: roots.read(reader, engine.vault))
    return found or engine.change_now(ACTOR, lambda changes: _make(changes, engine.vault))


def _make(changes: Changes, vault: Vault) -> Roots:
    # The secrets say that there was a first start: what it made and somebody removed stays away.
    if not roots.any_made(changes.tx):
        bootstrap(changes)
    roots.make(changes.tx, vault)
    made = roots.read(changes.tx, vault)
    assert made is not None  # noqa: S101 (it was made in this transaction)
    return made
