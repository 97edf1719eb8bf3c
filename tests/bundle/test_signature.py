"""Signatures: who made a bundle, checked with the tools that others have too."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization as s
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from aicr.bundle.signature import NAME, fingerprint
from tests.conftest import Ran

Aicr = Callable[..., Ran]
RECIPE = "kind: RecipeResult\ncomponentRefs: [{name: cert-manager, version: v1.17.2}]\n"
PEM, OPENSSH = s.Encoding.PEM, s.Encoding.OpenSSH


@pytest.fixture
def signed(tmp_path: Path, aicr: Aicr) -> Path:
    """A directory with a signed bundle `b` and keys in every form."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    plain = s.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(PEM, s.PrivateFormat.PKCS8, plain))
    (tmp_path / "key.ssh").write_bytes(key.private_bytes(PEM, s.PrivateFormat.OpenSSH, plain))
    public = key.public_key()
    (tmp_path / "key.pub").write_bytes(
        public.public_bytes(PEM, s.PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "key.ssh.pub").write_bytes(public.public_bytes(OPENSSH, s.PublicFormat.OpenSSH))
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    (tmp_path / "other.pub").write_bytes(
        other.public_bytes(PEM, s.PublicFormat.SubjectPublicKeyInfo)
    )
    password = s.BestAvailableEncryption(b"x")
    (tmp_path / "locked.pem").write_bytes(key.private_bytes(PEM, s.PrivateFormat.PKCS8, password))
    curve = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "curve.pem").write_bytes(curve.private_bytes(PEM, s.PrivateFormat.PKCS8, plain))
    (tmp_path / "r.yaml").write_text(RECIPE)
    sign(aicr, tmp_path, "key.pem", "b")
    return tmp_path


def sign(aicr: Aicr, d: Path, key: str, target: str) -> Ran:
    words = ["-r", str(d / "r.yaml"), "-o", str(d / target), "--sign", str(d / key)]
    return aicr("bundle", *words)


@pytest.mark.parametrize("key", ["key.pub", "key.ssh.pub"])
def test_a_signature_that_holds_makes_a_bundle_verified(signed: Path, aicr: Aicr, key: str) -> None:
    words = ["--key", str(signed / key), "--min-trust-level", "verified", "--format", "json"]
    ran = aicr("verify", str(signed / "b"), *words, "--cli-version-constraint", "0.1")
    public = Ed25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    assert (ran.code, ran.json["trustLevel"]) == (0, "verified"), ran.err
    assert ran.json["bundleCreator"] == fingerprint(public)
    assert ran.json["toolVersion"]


def test_keys_of_ssh_sign_the_same(signed: Path, aicr: Aicr) -> None:
    assert sign(aicr, signed, "key.ssh", "c.zip").code == 0
    assert aicr("verify", str(signed / "c.zip"), "--key", str(signed / "key.pub")).code == 0


def test_openssl_agrees(signed: Path) -> None:
    if not shutil.which("openssl"):
        return
    at = signed / "b"
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", signed / "key.pub"]
    command += ["-in", at / "checksums.txt", "-sigfile", at / NAME]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("damage", "key", "words"),
    [
        (lambda b: None, "other.pub", "is not by SHA256:"),
        (lambda b: (b / NAME).unlink(), "key.pub", f"not signed: there is no {NAME}"),
        (lambda b: (b / NAME).write_bytes(bytes(64)), "key.pub", "is not by SHA256:"),
        (lambda b: (b / NAME).write_bytes(b""), "key.pub", "is not by SHA256:"),
        (lambda b: (b / "README.md").write_text("x"), "key.pub", "checksum mismatch: README.md"),
    ],
)
def test_what_is_not_signed_by_the_key_fails(
    signed: Path, aicr: Aicr, damage: Callable[[Path], object], key: str, words: str
) -> None:
    damage(signed / "b")
    ran = aicr("verify", str(signed / "b"), "--key", str(signed / key))
    assert (ran.code, words in ran.err) == (4, True), ran.err


def test_a_list_made_again_needs_the_key(signed: Path, aicr: Aicr) -> None:
    """Whoever changes a file and its checksum still lacks the signature."""
    at = signed / "b/README.md"
    old, new = sha256(at.read_bytes()).hexdigest(), sha256(b"changed").hexdigest()
    at.write_text("changed")
    listing = signed / "b/checksums.txt"
    listing.write_text(listing.read_text().replace(old, new))
    assert aicr("verify", str(signed / "b")).code == 0
    assert aicr("verify", str(signed / "b"), "--key", str(signed / "key.pub")).code == 4


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("locked.pem", "protected by a password"),
        ("curve.pem", "is not an Ed25519 key"),
        ("r.yaml", "is no private key in PEM"),
        ("nope", "no such file"),
    ],
)
def test_keys_that_cannot_sign(signed: Path, aicr: Aicr, key: str, words: str) -> None:
    ran = sign(aicr, signed, key, "never")
    assert ran.code in (2, 3)
    assert words in ran.err
    assert not (signed / "never").exists()


def test_the_requirements_of_a_policy_are_held_against_the_signer(signed: Path, aicr: Aicr) -> None:
    at, key = str(signed / "b"), str(signed / "key.pub")
    ran = aicr("verify", at, "--key", key, "--require-creator", "SHA256:x")
    assert (ran.code, "does not match required" in ran.err) == (2, True)
    ran = aicr("verify", at, "--key", key, "--cli-version-constraint", "> 99.0")
    assert (ran.code, "does not meet" in ran.err) == (2, True)
    ran = aicr("verify", at, "--key", key, "--cli-version-constraint", "latest")
    assert (ran.code, "invalid --cli-version-constraint" in ran.err) == (2, True)
