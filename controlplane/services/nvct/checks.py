"""What depends on the state or on several fields, in the order of contract 11.1; plans ask it, too.

Raises the engine's errors: InvalidRequest, or NotFound.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from controlplane import registries
from controlplane.kinds import Spec
from controlplane.services.nvct.lifecycle import seconds
from controlplane.services.nvct.models import UPLOAD
from controlplane.state.protocol import Reader
from controlplane.vendor import checks
from controlplane.vendor.errors import bad

API_KEY = "NGC_API_KEY"
GFN, GFN_LIMIT = "GFN", 8 * 3600.0
MAX_MODEL = 64
_LOCATION = re.compile(r"[^/]+/([^/]+/)?[^/]+")
_DURATIONS = ("maxRuntimeDuration", "maxQueuedDuration", "terminationGracePeriodDuration")


def task(reader: Reader, spec: Spec, secrets: Collection[str]) -> None:
    """What a task that is to be says of itself; `secrets` are names as they were given."""
    durations(spec)
    gpu(reader, spec)
    if len({*secrets}) < len(secrets):
        raise bad("secrets must have names of their own")
    results(spec)
    helm(spec)


def others(reader: Reader, spec: Spec, mode: str = registries.THROW) -> dict[str, dict[str, str]]:
    """What a task that is to be needs: the ids of its telemetries, as its status has them."""
    found = checks.telemetries(reader, spec)
    checks.pullable(reader, spec, mode)
    if bool(spec.get("containerImage")) == bool(spec.get("helmChart")):
        raise bad("exactly one of containerImage and helmChart must be set")
    return found


def durations(spec: Spec) -> None:
    for field in _DURATIONS:
        if field in spec and seconds(spec[field]) <= 0:
            raise bad(f"{field} must be more than zero")
    longest = seconds(spec["maxRuntimeDuration"]) if "maxRuntimeDuration" in spec else None
    grace = seconds(spec["terminationGracePeriodDuration"])
    if longest is not None and longest < grace:
        raise bad("maxRuntimeDuration cannot be less than terminationGracePeriodDuration")
    if (
        spec["gpuSpecification"].get("backend", "").upper() == GFN
        and not 0 < (longest or 0) <= GFN_LIMIT
    ):
        raise bad("maxRuntimeDuration must be set, and at most PT8H, for backend 'GFN'")


def gpu(reader: Reader, spec: Spec) -> None:
    """Some cluster group of the account has what it asks for."""
    checks.offered(reader, spec, [spec["gpuSpecification"]])


def results(spec: Spec) -> None:
    """Where results go; nothing of it counts where they are not uploaded."""
    if spec["resultHandlingStrategy"] != UPLOAD:
        return
    if API_KEY not in {name.upper() for name in spec.get("secrets", ())}:
        raise bad(f"resultHandlingStrategy {UPLOAD} needs a secret {API_KEY}")
    where = spec.get("resultsLocation") or ""
    parts = where.split("/")
    if not _LOCATION.fullmatch(where) or {".", ".."} & {*parts} or not where.isprintable():
        raise bad("resultsLocation must be org/model or org/team/model")
    if len(parts[-1]) > MAX_MODEL:
        raise bad(f"the model of resultsLocation has more than {MAX_MODEL} characters")


def helm(spec: Spec) -> None:
    if spec.get("helmChart"):
        if (spec.get("containerArgs") or "").strip() or spec.get("containerEnvironment"):
            raise bad("a helmChart takes neither containerArgs nor containerEnvironment")
        return
    for field in ("configuration", "helmValidationPolicy"):
        if field in spec["gpuSpecification"]:
            raise bad(f"{field} is for tasks with a helmChart")
