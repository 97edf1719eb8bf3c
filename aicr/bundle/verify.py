"""`aicr verify`: is a bundle what it was when it was made? (contract section 13)

The world is closed: a file that checksums.txt does not list is as wrong as one that is missing or
changed. A signature that holds says who made it; without one nobody vouches for the list itself.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from aicr import jsonio
from aicr.bundle import checksums, provenance, signature
from aicr.bundle.read import Contents, read
from aicr.errors import InvalidRequest

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

UNKNOWN, UNVERIFIED, ATTESTED, VERIFIED = LEVELS = ("unknown", "unverified", "attested", "verified")
# What a bundle of the real AICR may hold beside the files its checksums list.
_ATTESTATION = re.compile(r"attestation/[^/]+\.sigstore\.json\Z")


class Report(NamedTuple):
    """The outcome of a verification; `errors` is empty when everything is as it was."""

    level: str
    files: int = 0
    errors: tuple[str, ...] = ()
    # An attestation is there. We cannot check it (it needs Sigstore), so it earns no trust.
    attested: bool = False
    signed: bool = False  # a signature is there, checked or not
    # What is only believed of a bundle whose signature holds:
    creator: str = ""
    tool_version: str = ""
    external: bool = False

    @property
    def passed(self) -> bool:
        return not self.errors

    def document(self) -> dict[str, Any]:
        """The JSON of `aicr verify --format json`."""
        body: dict[str, Any] = {
            "trustLevel": self.level,
            "checksumsPassed": self.passed,
            "checksumFiles": self.files,
            "bundleAttested": bool(self.creator),
            "binaryAttested": False,
            "identityPinned": bool(self.creator),
            "bundleCreator": self.creator,
            "toolVersion": self.tool_version,
            "hasExternalData": self.external,
            "errors": list(self.errors),
        }
        optional = ("bundleCreator", "toolVersion", "errors")
        return {k: v for k, v in body.items() if v or k not in optional}


def verify(target: str, key: Ed25519PublicKey | None = None) -> Report:
    """Check a bundle directory, .zip, .tar.gz or OCI layout; with a key, also who made it.

    Raises NotFound or InvalidRequest when there is no bundle at all.
    """
    return check(read(target), key)


def check(contents: Contents, key: Ed25519PublicKey | None = None) -> Report:
    """Check contents that were read; what reading found wrong counts too."""
    files, problems = contents
    report = Report(
        UNKNOWN,
        attested=any(_ATTESTATION.match(path) for path in files),
        signed=signature.NAME in files,
    )
    listing = files.get(checksums.NAME)
    if listing is None:
        return report._replace(errors=(f"{checksums.NAME} not found", *problems))
    expected, errors = checksums.listed(listing)
    if errors:  # a list that cannot be trusted says nothing about any file
        return report._replace(errors=(*errors, *problems))
    errors = [*_differences(files, expected), *problems]
    if key is not None:
        errors += _signature_errors(files, listing, key)
    if errors:
        return report._replace(errors=tuple(errors))
    report = report._replace(files=len(expected))
    if key:
        return _signed(files, report, key)
    return report if report.attested else report._replace(level=UNVERIFIED)


def _differences(files: dict[str, bytes], expected: dict[str, str]) -> list[str]:
    errors = []
    for path, digest in expected.items():
        if path not in files:
            errors.append(f"failed to read {path}: no such file")
        elif (got := sha256(files[path]).hexdigest()) != digest:
            errors.append(f"checksum mismatch: {path} (expected {digest}, got {got})")
    # A component's own checksums are listed by the bundle's; only the top list stands for itself.
    extra = sorted(set(files) - set(expected) - {checksums.NAME, signature.NAME})
    return errors + [
        f"not in {checksums.NAME}: {path}" for path in extra if not _ATTESTATION.match(path)
    ]


def _signature_errors(files: dict[str, bytes], listing: bytes, key: Ed25519PublicKey) -> list[str]:
    if signature.NAME not in files:
        return [f"not signed: there is no {signature.NAME}"]
    if not signature.holds(listing, files[signature.NAME], key):
        return [f"{signature.NAME} is not by {signature.fingerprint(key)}, or not of this bundle"]
    return []


def _signed(files: dict[str, bytes], report: Report, key: Ed25519PublicKey) -> Report:
    """The report with what the signer says of the bundle."""
    data = files.get(provenance.NAME, b"{}")
    try:
        statement = jsonio.parse(data, provenance.NAME)
    except InvalidRequest:
        statement = {}
    external = provenance.external(statement)
    return report._replace(
        level=ATTESTED if external else VERIFIED,
        creator=signature.fingerprint(key),
        tool_version=provenance.tool_version(statement),
        external=external,
    )
