"""API keys as text: minted, recognised without the store, masked, and digested (contract 12.3).

A key is a prefix, 32 random bytes in base64url, and 21 characters of an HMAC over these, by which
a key of this installation is told from what somebody made up. Keys that manifests declare may come
from elsewhere, so what has no mark of ours is still looked for, but called malformed when missing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable

PREFIX = "nvapi-nvcf-stg-"
# By this NVCF, NVCT and ICMS tell API keys from tokens.
FAMILY = "nvapi-"
RANDOM_BYTES = 32
_RANDOM_CHARS, _MARK_CHARS = 43, 21
_OURS = re.compile(rf"{PREFIX}([A-Za-z0-9_-]{{{_RANDOM_CHARS}}})([A-Za-z0-9_-]{{{_MARK_CHARS}}})")
# Keys that manifests declare may come from elsewhere; shorter ones could be guessed.
_SHAPE = re.compile(rf"{FAMILY}[A-Za-z0-9_-]{{32,256}}")


class Mint:
    """Makes keys and knows its own, by a secret of the installation."""

    def __init__(self, domain: bytes) -> None:
        self._domain = domain

    def new(self, random: Callable[[int], bytes] = secrets.token_bytes) -> str:
        """A key that nobody has."""
        data = random(RANDOM_BYTES)
        return f"{PREFIX}{_base64(data)}{self._mark(data)}"

    def knows(self, text: str) -> bool:
        """Whether a text is well-formed: with our mark, or in a form that is not ours."""
        found = _OURS.fullmatch(text)
        if found is None:
            return is_shaped(text)
        data = base64.urlsafe_b64decode(f"{found[1]}=")
        # The last character of base64 has bits to spare: only one writing is the key.
        same = hmac.compare_digest(self._mark(data).encode(), found[2].encode())
        return same and _base64(data) == found[1]

    def _mark(self, data: bytes) -> str:
        return _base64(hmac.new(self._domain, data, hashlib.sha3_256).digest())[:_MARK_CHARS]


def is_shaped(text: str) -> bool:
    """Whether a text looks like a key, whoever minted it."""
    return _SHAPE.fullmatch(text) is not None


def digest(text: str) -> str:
    """What the store has of a key. A plain digest: nobody guesses 256 random bits."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def masked(text: str) -> str:
    """A key as answers show it: ten stars, and the last three characters to tell it by."""
    prefix = PREFIX if text.startswith(PREFIX) else FAMILY
    return f"{prefix}{'*' * 10}{text[-3:]}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
