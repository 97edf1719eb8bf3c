"""`aicr verify`: a bundle's checksums and trust level."""

from __future__ import annotations

import click

from aicr import jsonio
from aicr.bundle.verify import LEVELS, Report, verify
from aicr.cli import output
from aicr.cli.options import single
from aicr.errors import InvalidRequest, Unauthorized

_PIN = "://github.com/NVIDIA/aicr/"


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
@single("--certificate-identity-regexp", metavar="RE", help="Identity of the signing workflow.")
def command(
    bundle: str | None, output_format: str | None, min_trust_level: str | None, **pins: str | None
) -> None:
    """Check that BUNDLE (a directory, .zip or .tar.gz) is exactly what it was when it was made.

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
    pattern = pins["certificate_identity_regexp"]
    if pattern and _PIN not in pattern:
        raise InvalidRequest(
            f'certificate identity pattern must contain "{_PIN}" to pin to the NVIDIA repository'
        )
    report = verify(bundle)
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
    if creator:
        return f'bundle creator "" does not match required "{creator}"'
    if version:
        return "tool version not available in attestation (bundle may be unattested)"
    return ""


def _text(report: Report, failure: str) -> str:
    lines = [f"  ✗ {error}" for error in report.errors]
    lines = lines or [f"  ✓ Checksums verified ({report.files} files)"]
    lines += [f"  Trust level: {report.level}", ""]
    lines.append(f"Bundle verification: {'FAILED' if failure else 'PASSED'}")
    return "\n".join([*lines, *([f"  {failure}"] if failure else []), ""])
