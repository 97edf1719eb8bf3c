"""Signed tokens of clients: ES256, issued and verified with one key (contract 13)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from aicr.errors import InvalidRequest

ALGORITHM = "ES256"
ISSUER = "http://api.nvcf.svc.cluster.local"
LIFE = 12 * 3600
# Clusters refuse longer ones (contract 3.2).
MAX_BYTES = 2048
AUDIENCE = "s:api"
_CLAIMS = jwt.JWTClaimsRegistry
_NEEDED: dict[str, Any] = {
    "sub": {"essential": True},
    "exp": {"essential": True},
    "nbf": {"essential": True},
}


class BadToken(Exception):
    """Not a token of ours, or not one any more."""


class Token(NamedTuple):
    """A token that was issued: its text, its id, and when it begins and ends, in Unix seconds."""

    value: str
    id: str
    issued: int
    expires: int


class Claims(NamedTuple):
    """What a verified token says."""

    subject: str
    scopes: frozenset[str]
    expires: float
    # When it was issued, in Unix seconds.
    issued: float


def new_key() -> str:
    """A fresh private key as PEM."""
    return ECKey.generate_key("P-256").as_pem(private=True).decode()


class Tokens:
    """Issues and verifies. Every worker has the same key, and so knows the tokens of all."""

    def __init__(
        self, pem: str, issuer: str = ISSUER, clock: Callable[[], float] = time.time
    ) -> None:
        self._key = ECKey.import_key(pem, {"use": "sig", "alg": ALGORITHM})
        self._key.ensure_kid()
        self.issuer, self._clock = issuer, clock

    def issue(self, client: str, scopes: Iterable[str], life: int = LIFE) -> Token:
        """A token of a client. Raises InvalidRequest when it would be longer than clients take."""
        now, name = int(self._clock()), str(uuid4())
        claims = {
            "iss": self.issuer,
            "sub": client,
            "azp": client,
            "aud": [client, AUDIENCE],
            "scopes": list(scopes),
            "iat": now,
            "nbf": now,
            "exp": now + life,
            "jti": name,
        }
        header = {"alg": ALGORITHM, "kid": self._key.kid}
        value = jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])
        if len(value) > MAX_BYTES:
            raise InvalidRequest(
                f"the token would have {len(value)} bytes, more than {MAX_BYTES}: fewer scopes"
            )
        return Token(value, name, now, now + life)

    def verify(self, text: str) -> Claims:
        """What a token says. Raises BadToken."""
        if len(text) > MAX_BYTES or not text.isascii() or not _is_canonical(text):
            raise BadToken("no token")
        try:
            token = jwt.decode(text, self._key_of, algorithms=[ALGORITHM])
            self._registry().validate(token.claims)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as e:
            raise BadToken(str(e)) from None
        return _claims(token.claims)

    def jwks(self) -> dict[str, Any]:
        """The public key, for whoever verifies by themselves."""
        return {"keys": [self._key.as_dict(private=False)]}

    def _key_of(self, token: Any) -> ECKey:
        if token.headers().get("kid") != self._key.kid:
            raise BadToken("signed with a key that is not ours")
        return self._key

    def _registry(self) -> jwt.JWTClaimsRegistry:
        issuer: Any = {"essential": True, "value": self.issuer}
        return _CLAIMS(now=lambda: int(self._clock()), iss=issuer, **_NEEDED)


def _claims(claims: dict[str, Any]) -> Claims:
    scopes = claims.get("scopes")
    words = [s for s in scopes if isinstance(s, str)] if isinstance(scopes, list) else []
    return Claims(claims["sub"], frozenset(words), float(claims["exp"]), _issued(claims))


def _issued(claims: dict[str, Any]) -> float:
    """The earlier of what a token says, so that it cannot seem younger than it is."""
    return min(float(claims["nbf"]), float(claims.get("iat", claims["nbf"])))


def _is_canonical(text: str) -> bool:
    """Whether the signature is written in the one way there is.

    64 bytes leave four bits of their last character unused: without this a token has sixteen
    spellings, and one that was cut off or altered there would pass.
    """
    signature = text.rpartition(".")[2]
    return len(signature) == 86 and signature[-1] in "AQgw"
