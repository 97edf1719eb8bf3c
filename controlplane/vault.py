"""Secrets at rest: AES-256-GCM under a ring of keys, and digests that tell values apart.

The ring is a JSON file of mode 0600: {"keys": [{"id", "key"}, …]}, the first being the one that
encrypts. Rotation puts a new key first and encrypts everything again; old keys stay until then.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable
from typing import Any, NamedTuple

from aicr import jsonio
from aicr.errors import InvalidRequest, NotFound
from controlplane.state.protocol import Reader, Secret, Transaction

KEY_BYTES = 32
NONCE_BYTES = 12
# How much of a digest plans show: enough to see a change, too little to be worth anything.
DIGEST_DIGITS = 12


class Key(NamedTuple):
    id: str
    value: bytes


def new_key() -> Key:
    value = os.urandom(KEY_BYTES)
    return Key(hashlib.sha256(b"aicr key id" + value).hexdigest()[:16], value)


class Vault:
    """Encrypts under the first key of a ring and decrypts under any of them."""

    def __init__(
        self, ring: tuple[Key, ...], reread: Callable[[], tuple[Key, ...]] | None = None
    ) -> None:
        """`reread` gives the ring as it is now: somebody else may have put a new key first."""
        self._reread = reread or (lambda: ring)
        self._hold(ring)

    def _hold(self, ring: tuple[Key, ...]) -> None:
        self._ring = {key.id: key.value for key in ring}
        self._first = ring[0]
        # The oldest key marks: digests outlive rotations.
        self._mark = hashlib.sha256(b"aicr digests" + ring[-1].value).digest()
        # Another key, since digests of texts that others choose are shown.
        self._signs = hashlib.sha256(b"aicr signatures" + ring[-1].value).digest()

    def refresh(self) -> None:
        """Use the ring as it is now."""
        self._hold(self._reread())

    def seal(self, name: str, value: bytes) -> Secret:
        """A value encrypted for this name: under another name it cannot be opened."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        data = AESGCM(self._first.value).encrypt(nonce, value, name.encode())
        return Secret(name, self._first.id, nonce, data)

    def open(self, secret: Secret) -> bytes:
        """Raises InvalidRequest when the ring lacks the key or the record was changed."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if secret.key not in self._ring:
            self.refresh()
        if secret.key not in self._ring:
            raise InvalidRequest(
                f"secret {secret.name} is encrypted with key {secret.key}, which the ring lacks"
            )
        try:
            return AESGCM(self._ring[secret.key]).decrypt(
                secret.nonce, secret.data, secret.name.encode()
            )
        except InvalidTag:
            raise InvalidRequest(f"secret {secret.name} was changed in the store") from None

    def digest(self, value: str) -> str:
        """A short keyed digest: equal for equal values, useless without the ring."""
        mark = hmac.new(self._mark, value.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"hmac:{mark.hexdigest()[:DIGEST_DIGITS]}"

    def fingerprint(self, lineage: str) -> str:
        """What tells for a state whether this is its ring: rotations keep the oldest key."""
        return hmac.new(self._mark, f"ring of {lineage}".encode(), hashlib.sha256).hexdigest()

    def sign(self, text: str) -> str:
        """A signature of what is given out and comes back: only who has the ring can make it."""
        mark = hmac.new(self._signs, text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mark).decode().rstrip("=")

    def signed(self, text: str, signature: str) -> bool:
        """Whether a signature is that of a text."""
        given = signature.encode("utf-8", "surrogatepass")
        return hmac.compare_digest(self.sign(text).encode(), given)

    def check(self, reader: Reader) -> None:
        """Raises InvalidRequest unless every secret can be opened."""
        for secret in reader.secrets():
            self.open(secret)

    def put(self, tx: Transaction, name: str, value: str) -> None:
        tx.put_secret(self.seal(name, value.encode()))

    def get(self, reader: Reader, name: str) -> str:
        """Raises NotFound when there is no such secret."""
        secret = reader.secret(name)
        if secret is None:
            raise NotFound(f"no secret {name}")
        return self.open(secret).decode()


def rotate(tx: Transaction, old: Vault, new: Vault) -> int:
    """Encrypt every secret under the first key of the new ring; how many there were."""
    sealed = [new.seal(secret.name, old.open(secret)) for secret in tx.secrets()]
    for secret in sealed:
        tx.put_secret(secret)
    return len(sealed)


def ring_of(data: bytes, name: str) -> tuple[Key, ...]:
    """The keys of a ring file. Raises InvalidRequest."""
    document: Any = jsonio.parse(data, name)
    try:
        keys = tuple(
            Key(entry["id"], base64.b64decode(entry["key"], validate=True))
            for entry in document["keys"]
        )
    except (KeyError, TypeError, ValueError):
        raise InvalidRequest(f"{name} is no key ring") from None
    if not keys or any(len(key.value) != KEY_BYTES for key in keys):
        raise InvalidRequest(f"{name} is no key ring: it needs keys of {KEY_BYTES} bytes")
    return keys


def ring_text(ring: tuple[Key, ...]) -> str:
    keys = [{"id": key.id, "key": base64.b64encode(key.value).decode()} for key in ring]
    return jsonio.pretty({"keys": keys})
