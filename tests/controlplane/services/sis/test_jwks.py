"""Keys of clusters, and the tokens of their agents."""

from __future__ import annotations

import time
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey, RSAKey

from aicr import jsonio
from controlplane.services.sis import jwks

ISSUER = "https://oidc.example"
SUBJECT = "system:serviceaccount:nvca-system:nvca"


def key_set(*keys: Any) -> tuple[str, Any]:
    """A JWK set as text, and the key to sign with."""
    own = keys or (ECKey.generate_key("P-256"),)
    for key in own:
        key.ensure_kid()
    return jsonio.compact({"keys": [k.as_dict(private=False) for k in own]}), own[0]


def token(key: Any, cluster_id: str, *, algorithm: str = "ES256", **claims: Any) -> str:
    """A token of an agent; None takes a claim away."""
    said = {
        "aud": [f"nvcf-icms:{cluster_id}"],
        "sub": SUBJECT,
        "iss": ISSUER,
        "exp": int(time.time()) + 600,
        **claims,
    }
    header = {"alg": algorithm, "kid": key.kid}
    given = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(header, given, key, algorithms=[algorithm])


@pytest.mark.parametrize(
    "text",
    ["", "{]", "{}", "[]", '{"keys":[]}', '{"keys":{}}', '{"keys":[{}]}', '{"keys":[1]}'],
)
def test_what_is_no_set_of_keys(text: str) -> None:
    assert jwks.parse(text) is None


@pytest.mark.parametrize("kind", [OctKey, ECKey])
def test_keys_that_are_not_public(kind: Any) -> None:
    key = kind.generate_key(256 if kind is OctKey else "P-256")
    assert jwks.parse(jsonio.compact({"keys": [key.as_dict(private=True)]})) is None


def test_a_fingerprint_does_not_depend_on_order_or_decoration() -> None:
    one, two = ECKey.generate_key("P-256"), RSAKey.generate_key(2048)
    there = KeySet([one, two])
    back = jsonio.compact(
        {"keys": [{**k.as_dict(private=False), "use": "sig"} for k in (two, one)]}
    )
    parsed = jwks.parse(back)
    assert parsed is not None
    assert jwks.fingerprint(there) == jwks.fingerprint(parsed)
    assert jwks.fingerprint(there) != jwks.fingerprint(KeySet([one]))


def test_a_token_of_an_agent() -> None:
    text, key = key_set()
    keys = jwks.parse(text)
    assert keys is not None
    found = jwks.verify(token(key, "c"), keys, time.time())
    assert found == jwks.Workload("c", SUBJECT, ISSUER, jwks.PSAT)
    spiffe = token(key, "c", sub="spiffe://example/ns/nvcf/nvca")
    assert jwks.verify(spiffe, keys, time.time()).type == jwks.SPIFFE  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "claims",
    [{"exp": None}, {"exp": 1}, {"sub": None}, {"sub": "system:serviceaccount:a:b"}, {"iss": None},
     {"nbf": 2**40}, {"aud": ["nvcf-icms:c", "x"]}, {"aud": "x"}, {"aud": []},
     {"aud": None}, {"aud": "nvcf-icms:"}, {"sub": 5}, {"aud": "x nvcf-icms:c"}],
)  # fmt: skip
def test_tokens_that_are_none(claims: dict[str, Any]) -> None:
    text, key = key_set()
    keys = jwks.parse(text)
    assert keys is not None
    assert jwks.verify(token(key, "c", **claims), keys, time.time()) is None


def test_tokens_of_others() -> None:
    text, _ = key_set()
    keys = jwks.parse(text)
    assert keys is not None
    stranger = ECKey.generate_key("P-256")
    stranger.ensure_kid()
    assert jwks.verify(token(stranger, "c"), keys, time.time()) is None
    # A secret that everybody knows is no key: the public one.
    secret = OctKey.import_key(text.encode())
    forged = jwt.encode({"alg": "HS256"}, {"aud": "nvcf-icms:c", "sub": SUBJECT}, secret)
    assert jwks.verify(forged, keys, time.time()) is None


def test_a_token_without_a_name_of_its_key() -> None:
    text, key = key_set()
    keys = jwks.parse(text)
    assert keys is not None
    claims = {"aud": "nvcf-icms:c", "sub": SUBJECT, "iss": ISSUER, "exp": int(time.time()) + 60}
    assert jwks.verify(jwt.encode({"alg": "ES256"}, claims, key), keys, time.time()) is not None
