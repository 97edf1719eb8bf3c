"""Registry credentials, and registries of the installation, as resources."""

from __future__ import annotations

from aicr.errors import AicrError, Conflict, InvalidRequest
from controlplane import registries
from controlplane.access import times
from controlplane.access.kinds import ACCOUNTS
from controlplane.artifacts import SECRET as PATH
from controlplane.http.problems import Problem
from controlplane.kinds import Kind, Making, Spec, table
from controlplane.services.registries import lifecycle, requests
from controlplane.services.registries.models import CredentialSpec, RegistrySpec


def _status(making: Making) -> Spec:
    """A credential of a manifest meets the rules that one of REST meets."""
    try:
        return _checked(making)
    except Problem as e:
        raise _said(e, making.address) from None


def _checked(making: Making) -> Spec:
    spec, before = making.spec, dict(making.before)
    lifecycle.check(making.reader, spec, own=before.get("registryCredentialId", ""))
    value = making.secrets.get(PATH)
    if value is not None:
        secret = requests.Secret(spec["secret"]["name"], value)
        requests.check_secret(spec["registryHostname"], secret)
    if not before:
        return lifecycle.new_status(spec, value or "", making.uid, making.now)
    after = before if value is None else lifecycle.with_key_type(before, spec, value)
    return {**after, "lastUpdatedAt": times.stamp(times.parse(making.now))}


def _said(problem: Problem, address: str) -> AicrError:
    words = f"{address}: {problem.message}"
    return Conflict(words) if problem.status == 409 else InvalidRequest(words)


KINDS = table(
    Kind(
        registries.CREDENTIALS,
        CredentialSpec,
        "Credentials with which accounts pull from registries.",
        immutable=frozenset({"ncaId", "registryHostname"}),
        references={"ncaId": ACCOUNTS},
        secrets=frozenset({PATH}),
        lookups=registries.lookups,
        status=_status,
    ),
    Kind(
        registries.RECOGNIZED,
        RegistrySpec,
        "Registries that artifacts may come from, beside those that are known everywhere.",
    ),
)
