"""checksums.txt.sig: an Ed25519 signature over the checksums, which cover everything else.

The 64 raw bytes that `openssl pkeyutl -verify -rawin` takes too. Keys are PEM (openssl) or OpenSSH.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

from aicr.bundle import checksums
from aicr.bundle.files import BundleFile
from aicr.errors import InvalidRequest
from aicr.inputs import read_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

NAME = checksums.NAME + ".sig"
_HOW = "make one with: openssl genpkey -algorithm ed25519 -out key.pem"


def of(listing: bytes, key: Ed25519PrivateKey) -> BundleFile:
    """The signature of a checksums file."""
    return BundleFile(NAME, key.sign(listing))


def holds(listing: bytes, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Whether the signature is of this listing and by the owner of the key."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, listing)
    except InvalidSignature:
        return False
    return True


def private_key(path: str) -> Ed25519PrivateKey:
    """The private key in a file. Raises InvalidRequest when there is none, or another kind."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    data = read_bytes(path, "--sign")
    ours = b"OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if ours else serialization.load_pem_private_key
    try:
        key = load(data, None)
    except TypeError:
        words = f"--sign: the key in {path} is protected by a password, which cannot be asked for"
        raise InvalidRequest(words) from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidRequest(f"--sign: {path} is no private key in PEM; {_HOW}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise InvalidRequest(f"--sign: the key in {path} is not an Ed25519 key; {_HOW}")
    return key


def public_key(path: str) -> Ed25519PublicKey:
    """The public key in a file. Raises InvalidRequest when there is none, or another kind."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    data = read_bytes(path, "--key")
    load = (
        serialization.load_ssh_public_key
        if data.startswith(b"ssh-")
        else serialization.load_pem_public_key
    )
    try:
        key = load(data)
    except (ValueError, UnsupportedAlgorithm):
        words = "make it with: openssl pkey -in key.pem -pubout -out key.pub"
        raise InvalidRequest(f"--key: {path} is no public key; {words}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise InvalidRequest(f"--key: the key in {path} is not an Ed25519 key")
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """How a key is named, as `ssh-keygen -l` names it."""
    parts = (b"ssh-ed25519", key.public_bytes_raw())
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return "SHA256:" + b64encode(sha256(blob).digest()).decode().rstrip("=")
