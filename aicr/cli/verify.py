"""`aicr verify`: a bundle's checksums and trust level."""

from __future__ import annotations

import click

from aicr import constraints, jsonio
from aicr.bundle.signature import public_key
from aicr.bundle.verify import LEVELS, Report, verify
from aicr.cli import output
from aicr.cli.options import check_pin, single
from aicr.errors import InvalidRequest, Unauthorized


@click.command("verify")
@click.argument("bundle", required=False, metavar="BUNDLE")
@single(
    "--format", "-t", "output_format", metavar="text|json", help="Output format (default text)."
)
@single(
    "--min-trust-level",
    metavar="LEVEL",
    help="max (default), unknown, unverified, attested or verified.",
)
@single("--require-creator", metavar="ID", help="Identity that must have signed the bundle.")
@single("--cli-version-constraint", metavar="EXPR", help="Version that must have made it.")
@single("--key", metavar="FILE", help="Public Ed25519 key of whoever must have signed the bundle.")
@single("--certificate-identity-regexp", metavar="RE", help="Identity of the signing workflow.")
def command(
    bundle: str | None, output_format: str | None, min_trust_level: str | None, **pins: str | None
) -> None:
    """Check that BUNDLE (directory, .zip, .tar.gz, OCI layout) is exactly what was made.

    Changed, missing and additional files fail, and so do links and paths that leave the bundle.
    """  # fmt: skip
    if bundle is None:
        raise InvalidRequest("bundle directory is required: aicr verify <bundle-dir>")
    if output_format not in (None, "text", "json"):
        raise InvalidRequest("invalid --format: must be text or json")
    wanted = (min_trust_level or "max").lower()
    if wanted not in ("max", *LEVELS):
        names = ", ".join(LEVELS)
        raise InvalidRequest(f'invalid trust level "{min_trust_level}": must be one of {names}')
    check_pin(pins["certificate_identity_regexp"])
    if pins["certificate_identity_regexp"]:
        raise InvalidRequest(
            "--certificate-identity-regexp has no effect: Sigstore attestations are not checked; "
            "sign with a key of your own (aicr bundle --sign) and verify with --key"
        )
    report = verify(bundle, public_key(pins["key"]) if pins["key"] else None)
    policy = _policy(report, wanted, pins["require_creator"], pins["cli_version_constraint"])
    failure = policy or (report.errors[0] if report.errors else "")
    if output_format == "json":
        output.emit(jsonio.pretty(report.document()))
    else:
        output.emit(_text(report, failure))
    if policy:
        raise InvalidRequest(policy)
    if report.errors:
        raise Unauthorized(f"bundle verification failed: {report.errors[0]}")


def _policy(report: Report, wanted: str, creator: str | None, version: str | None) -> str:
    """What the report does not fulfil; an explicit level is judged before the errors."""
    if wanted != "max" and LEVELS.index(report.level) < LEVELS.index(wanted):
        return f'trust level "{report.level}" does not meet minimum "{wanted}"'
    if report.errors:
        return ""
    if wanted == "max" and report.attested:
        return 'trust level "unknown" does not meet maximum achievable "unverified" for this bundle'
    if creator and creator != report.creator:
        return f'bundle creator "{report.creator}" does not match required "{creator}"'
    return _version_policy(report.tool_version, version) if version else ""


def _version_policy(actual: str, wanted: str) -> str:
    """A version alone is the least one wanted."""
    if not actual:
        return "tool version not available in attestation (bundle may be unattested)"
    try:
        operator, operand = constraints.parse(wanted)
        fulfilled = constraints.holds(operator or ">=", operand, actual)
    except ValueError as e:
        return f"invalid --cli-version-constraint {wanted!r}: {e}"
    return "" if fulfilled else f'tool version "{actual}" does not meet "{wanted}"'


def _text(report: Report, failure: str) -> str:
    lines = [f"  ✗ {error}" for error in report.errors]
    lines = lines or [f"  ✓ Checksums verified ({report.files} files)"]
    if report.creator or (report.signed and report.passed):
        by = f"by {report.creator}" if report.creator else "not checked, for want of --key"
        lines.append(f"  {'✓' if report.creator else '-'} Signed, {by}")
    lines += [f"  Trust level: {report.level}", ""]
    lines.append(f"Bundle verification: {'FAILED' if failure else 'PASSED'}")
    return "\n".join([*lines, *([f"  {failure}"] if failure else []), ""])
