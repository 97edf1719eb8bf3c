"""Secrets of the installation itself: made once, kept encrypted, the same for all workers."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple

from controlplane.access import tokens
from controlplane.state.protocol import Reader, Transaction
from controlplane.vault import Vault

SIGNING = "internal/signing-key"
DOMAIN = "internal/key-domain"
BOOTSTRAP = "internal/bootstrap-digest"
_BYTES = 32


class Roots(NamedTuple):
    """The private key that signs tokens, as PEM, and what marks API keys."""

    signing: str
    domain: bytes


_MADE: dict[str, Callable[[], str]] = {
    SIGNING: tokens.new_key,
    DOMAIN: lambda: base64.b64encode(secrets.token_bytes(_BYTES)).decode(),
}


def read(reader: Reader, vault: Vault) -> Roots | None:
    """The secrets; None when they have not been made."""
    if any(reader.secret(name) is None for name in _MADE):
        return None
    domain = base64.b64decode(vault.get(reader, DOMAIN), validate=True)
    return Roots(vault.get(reader, SIGNING), domain)


def any_made(reader: Reader) -> bool:
    """Whether there was a first start."""
    return any(reader.secret(name) is not None for name in _MADE)


def make(tx: Transaction, vault: Vault) -> None:
    """Make those that are not there."""
    for name, value in _MADE.items():
        if tx.secret(name) is None:
            vault.put(tx, name, value())


def new_bootstrap_secret(tx: Transaction, vault: Vault) -> str:
    """A secret that lets whoever is not on this machine have a token; it replaces the one before.

    Only its digest is kept, so it is shown now or never.
    """
    value = f"aicr-bootstrap-{secrets.token_urlsafe(_BYTES)}"
    vault.put(tx, BOOTSTRAP, _digest(value))
    return value


def has_bootstrap_secret(reader: Reader) -> bool:
    """Whether one was ever printed: from then on it is asked for on this machine, too."""
    return reader.secret(BOOTSTRAP) is not None


def is_bootstrap_secret(reader: Reader, vault: Vault, text: str) -> bool:
    if not text or not has_bootstrap_secret(reader):
        return False
    known = vault.get(reader, BOOTSTRAP)
    return hmac.compare_digest(known.encode(), _digest(text).encode())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
