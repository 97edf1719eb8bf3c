"""Signed tokens: what is issued verifies, and nothing that anybody made of it does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc import jwk

from aicr.errors import InvalidRequest
from controlplane.access import scopes
from controlplane.access.tokens import ISSUER, BadToken, Tokens, new_key

NOW = 1_800_000_000
PEM, FOREIGN = new_key(), new_key()


class At:
    """A clock."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def made(clock: Callable[[], float] | None = None, pem: str = PEM) -> Tokens:
    return Tokens(pem, clock=clock or At())


OURS = made()
TOKEN = OURS.issue("ncp", scopes.ADMIN)
HEADER, PAYLOAD, SIGNATURE = TOKEN.value.split(".")


def coded(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def public_pem() -> bytes:
    return bytes(jwk.ECKey.import_key(PEM).as_pem(private=False))


def signed(claims: Any, header: Any = None, pem: str = PEM) -> str:
    """A token as our key would sign it, whatever it says."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    key: Any = serialization.load_pem_private_key(pem.encode(), None)
    first = coded(header or decoded(HEADER))
    text = f"{first}.{coded(claims)}"
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{coded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


# ---- issuing


def test_claims_of_the_administrator() -> None:
    """Contract 13."""
    head, claims = decoded(HEADER), decoded(PAYLOAD)
    assert head["alg"] == "ES256"
    assert head["kid"] == OURS.jwks()["keys"][0]["kid"]
    assert claims == {
        "iss": "http://api.nvcf.svc.cluster.local",
        "sub": "ncp",
        "azp": "ncp",
        "aud": ["ncp", "s:api"],
        "scopes": list(scopes.ADMIN),
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 43_200,
        "jti": TOKEN.id,
    }
    assert (TOKEN.issued, TOKEN.expires) == (NOW, NOW + 43_200)
    assert len(TOKEN.value) <= 2048


def test_every_token_has_an_id_of_its_own() -> None:
    assert OURS.issue("a", []).id != OURS.issue("a", []).id


@given(
    st.text(min_size=1, max_size=40),
    st.lists(st.text(max_size=12), max_size=12),
    st.integers(1, 400 * 86400),
)
def test_what_is_issued_verifies(client: str, having: list[str], life: int) -> None:
    claims = OURS.verify(OURS.issue(client, having, life).value)
    assert claims == (client, frozenset(having), float(NOW + life), float(NOW))


def test_all_workers_know_the_tokens_of_each() -> None:
    assert made().verify(TOKEN.value).subject == "ncp"
    assert made().jwks() == OURS.jwks()


def test_never_longer_than_clients_take() -> None:
    known = list(scopes.SCOPES)
    size = max(n for n in range(200) if fits(["s" * 10] * n))
    assert fits(known)
    assert len(OURS.issue("ncp", ["s" * 10] * size).value) <= 2048
    with pytest.raises(InvalidRequest, match="more than 2048: fewer scopes"):
        OURS.issue("ncp", ["s" * 10] * (size + 1))


def fits(names: list[str]) -> bool:
    try:
        return bool(OURS.issue("ncp", names).value)
    except InvalidRequest:
        return False


def test_the_public_key_is_public() -> None:
    (key,) = OURS.jwks()["keys"]
    assert {"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig"}.items() <= key.items()
    assert set(key) == {"kty", "crv", "alg", "use", "kid", "x", "y"}


# ---- time


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [(0, True), (43_199, True), (43_200, False), (43_201, False), (-1, False)],
)
def test_when_it_counts(seconds: int, counts: bool) -> None:
    tokens = made(At(NOW + seconds))
    if counts:
        assert tokens.verify(TOKEN.value).subject == "ncp"
    else:
        with pytest.raises(BadToken):
            tokens.verify(TOKEN.value)


# ---- forgeries


def hs256(key: bytes) -> str:
    """The public key as the secret of an HMAC: the oldest trick."""
    text = f"{coded({**decoded(HEADER), 'alg': 'HS256'})}.{PAYLOAD}"
    return f"{text}.{coded(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def with_header(**change: Any) -> str:
    return f"{coded({**decoded(HEADER), **change})}.{PAYLOAD}.{SIGNATURE}"


def with_claims(**change: Any) -> str:
    return f"{HEADER}.{coded({**decoded(PAYLOAD), **change})}.{SIGNATURE}"


def without(name: str) -> str:
    return signed({k: v for k, v in decoded(PAYLOAD).items() if k != name})


FORGERIES = {
    "alg none": f"{coded({'alg': 'none', 'typ': 'JWT'})}.{PAYLOAD}.",
    "alg none with our kid": f"{coded({**decoded(HEADER), 'alg': 'none'})}.{PAYLOAD}.",
    "alg none, signed": with_header(alg="none"),
    "alg None": with_header(alg="None"),
    "HS256 by the public PEM": hs256(public_pem()),
    "HS256 by the JWK": hs256(json.dumps(OURS.jwks()["keys"][0]).encode()),
    "HS256 by nothing": hs256(b""),
    "ES384": with_header(alg="ES384"),
    "RS256": with_header(alg="RS256"),
    "foreign kid": with_header(kid="nope"),
    "no kid": f"{coded({'alg': 'ES256'})}.{PAYLOAD}.{SIGNATURE}",
    "kid is a list": with_header(kid=["x"]),
    "signed by another": made(pem=FOREIGN).issue("ncp", scopes.ADMIN).value,
    "signed by another under our kid": signed(decoded(PAYLOAD), pem=FOREIGN),
    "brings its own key": signed(
        decoded(PAYLOAD), {**decoded(HEADER), "jwk": made(pem=FOREIGN).jwks()["keys"][0]}, FOREIGN
    ),
    "names a URL of keys": with_header(jku="http://192.0.2.1/jwks"),
    "critical header": signed(decoded(PAYLOAD), {**decoded(HEADER), "crit": ["x"], "x": 1}),
    "more scopes": with_claims(scopes=[*scopes.ADMIN, "invoke_function"]),
    "extended expiry": with_claims(exp=NOW + 999_999),
    "another client": with_claims(sub="root"),
    "another issuer": signed({**decoded(PAYLOAD), "iss": "http://example.org"}),
    "issuer with a slash": signed({**decoded(PAYLOAD), "iss": f"{ISSUER}/"}),
    "no issuer": without("iss"),
    "no subject": without("sub"),
    "empty subject": signed({**decoded(PAYLOAD), "sub": ""}),
    "no expiry": without("exp"),
    "expiry is text": signed({**decoded(PAYLOAD), "exp": "never"}),
    "expiry is infinite": signed(
        b'{"iss":"%s","sub":"a","nbf":1,"exp":Infinity}' % ISSUER.encode()
    ),
    "no beginning": without("nbf"),
    "begins later": signed({**decoded(PAYLOAD), "nbf": NOW + 1}),
    "claims are a list": signed([1]),
    "claims are no JSON": signed(b"{"),
    "header is a list": f"{coded([1])}.{PAYLOAD}.{SIGNATURE}",
    "header is text": f"{coded('ES256')}.{PAYLOAD}.{SIGNATURE}",
    "header is null": f"{coded(None)}.{PAYLOAD}.{SIGNATURE}",
    "header is no JSON": f"{coded(b'{')}.{PAYLOAD}.{SIGNATURE}",
    "header is no UTF-8": f"{coded(bytes([255, 254]))}.{PAYLOAD}.{SIGNATURE}",
    "deep header": f"{coded(b'[' * 700)}.{PAYLOAD}.{SIGNATURE}",
    "two parts": f"{HEADER}.{PAYLOAD}",
    "four parts": f"{TOKEN.value}.{SIGNATURE}",
    "five parts": f"{HEADER}.{PAYLOAD}.{SIGNATURE}.a.b",
    "no signature": f"{HEADER}.{PAYLOAD}.",
    "zero signature": f"{HEADER}.{PAYLOAD}.{coded(bytes(64))}",
    "reversed signature": f"{HEADER}.{PAYLOAD}.{SIGNATURE[::-1]}",
    "DER signature": f"{HEADER}.{PAYLOAD}.{coded(bytes(70))}",
    "padded": f"{TOKEN.value}==",
    "line end": f"{TOKEN.value}\n",
    "blank before": f" {TOKEN.value}",
    "doubled": TOKEN.value * 2,
    "huge": f"{HEADER}.{'A' * 100_000}.{SIGNATURE}",
    "not ASCII": f"{HEADER}.{PAYLOAD[:-1]}é.{SIGNATURE}",
    "surrogate": "\ud800",
    "dots": "..",
    "empty": "",
    "garbage": "dummy",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_forgeries(name: str) -> None:
    with pytest.raises(BadToken):
        OURS.verify(FORGERIES[name])


@pytest.mark.parametrize("cut", range(1, len(TOKEN.value), 7))
def test_truncated(cut: int) -> None:
    with pytest.raises(BadToken):
        OURS.verify(TOKEN.value[:-cut])


@pytest.mark.parametrize("last", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
def test_the_signature_has_one_spelling(last: str) -> None:
    """Four bits of its last character are unused: fifteen others would decode to the same bytes."""
    if last == SIGNATURE[-1]:
        OURS.verify(TOKEN.value)
        return
    with pytest.raises(BadToken):
        OURS.verify(TOKEN.value[:-1] + last)


@given(st.integers(0, len(TOKEN.value) - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_no_other_character_anywhere(at: int, other: str) -> None:
    assume(TOKEN.value[at] != other)
    with pytest.raises(BadToken):
        OURS.verify(TOKEN.value[:at] + other + TOKEN.value[at + 1 :])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
)
HEADERS = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "cty"), JSON)
)


@given(HEADERS | JSON, JSON)
def test_whatever_it_says_it_is_only_refused(header: Any, claims: Any) -> None:
    """Nothing but BadToken comes out, so that no answer is a 500."""
    with pytest.raises(BadToken):
        OURS.verify(f"{coded(header)}.{coded(claims)}.{SIGNATURE}")


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64"]), JSON))
def test_odd_headers_that_are_signed(change: dict[str, Any]) -> None:
    text = signed({}, {**decoded(HEADER), **change})
    with pytest.raises(BadToken):
        OURS.verify(text)


@pytest.mark.parametrize(
    ("given_", "found"),
    [(None, set()), ("a b", set()), ({"a": 1}, set()), (["a", 1, None, "b"], {"a", "b"})],
)
def test_scopes_are_an_array_of_texts(given_: Any, found: set[str]) -> None:
    claims = {**decoded(PAYLOAD), "scopes": given_, "scope": "deploy_function"}
    assert OURS.verify(signed(claims)).scopes == found
