"""The keys of a cluster's workloads, and the tokens signed with them (contract 10.6)."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Any, NamedTuple

from joserfc import jwk, jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from aicr import jsonio
from aicr.errors import AicrError
from controlplane.services.sis.errors import MAX_TOKEN

# Signatures that a public key is enough to verify.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512",
)  # fmt: skip
AUDIENCE = "nvcf-icms:"
PSAT, SPIFFE = "psat", "spiffe"
_SUBJECTS = (
    (re.compile(r"system:serviceaccount:[^:]+:nvca"), PSAT),
    (re.compile(r"spiffe://.+/nvcf/nvca"), SPIFFE),
)
# Seconds by which clocks may differ.
_LEEWAY = 30
_PARSING = (JoseError, AicrError, ValueError, TypeError, KeyError, RecursionError)


@lru_cache(maxsize=256)
def parse(text: str) -> KeySet | None:
    """The keys of a JWK set; None when it is none, or has a key that is not public."""
    try:
        document = jsonio.parse(text.encode(), "jwks")
        found = jwk.KeySet.import_key_set(document)
        public = all(key.key_type != "oct" and not key.is_private for key in found.keys)
    except _PARSING:
        return None
    return found if found.keys and public else None


def fingerprint(keys: KeySet) -> str:
    """What tells a set of keys: a digest over their RFC 7638 thumbprints, in whatever order."""
    prints = sorted(key.thumbprint() for key in keys.keys)
    return hashlib.sha256("\n".join(prints).encode()).hexdigest()


class Unverified(NamedTuple):
    """What a token says of itself, before anybody has looked at its signature."""

    cluster_id: str
    claims: dict[str, Any]


def peek(token: str) -> Unverified | None:
    """What a token says, when it is one of a cluster: its one audience names it."""
    if len(token) > MAX_TOKEN:
        return None
    try:
        claims = jsonio.parse(jws.extract_compact(token.encode()).payload, "token")
        audience = claims["aud"]
    except _PARSING:
        return None
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or len(named) != 1 or not isinstance(named[0], str):
        return None
    cluster_id = named[0].removeprefix(AUDIENCE)
    return Unverified(cluster_id, claims) if cluster_id not in ("", named[0]) else None


class Workload(NamedTuple):
    """A workload of a cluster, as a verified token has it."""

    cluster_id: str
    subject: str
    issuer: str
    type: str


def verify(token: str, keys: KeySet, now: float) -> Workload | None:
    """Who bears a token; None when it is not signed with these keys, or not valid (any more), or
    not that of an agent."""
    said = peek(token)
    if said is None:
        return None
    try:
        decoded = jwt.decode(token, lambda guest: _key(keys, guest), algorithms=list(ALGORITHMS))
        _registry(now).validate(decoded.claims)
    except _PARSING:
        return None
    subject, issuer = decoded.claims["sub"], decoded.claims["iss"]
    kind = token_type(subject)
    if kind is None or not isinstance(issuer, str):
        return None
    return Workload(said.cluster_id, subject, issuer, kind)


def token_type(subject: Any) -> str | None:
    """By its subject: a service account of the agent, or its SPIFFE id."""
    named = subject if isinstance(subject, str) else ""
    return next((kind for pattern, kind in _SUBJECTS if pattern.fullmatch(named)), None)


def _key(keys: KeySet, token: Any) -> Any:
    kid = token.headers().get("kid")
    found = [key for key in keys.keys if kid is None or key.kid == kid]
    if not found:
        raise ValueError("signed with a key that is not registered")
    return found[0]


def _registry(now: float) -> jwt.JWTClaimsRegistry:
    needed: dict[str, Any] = {name: {"essential": True} for name in ("sub", "iss", "exp")}
    return jwt.JWTClaimsRegistry(now=lambda: int(now), leeway=_LEEWAY, **needed)
