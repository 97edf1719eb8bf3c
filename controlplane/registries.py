"""Registries of images, charts, models and resources: which there are, and who may pull from them.

The same for every service (NVCF contract, sections 8.5 and 8.6). Beside the table here there may be
registries of the installation, as resources nvcf.recognizedRegistries.KEY.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from controlplane.http.log import log
from controlplane.http.problems import Refused
from controlplane.kinds import Spec
from controlplane.state.protocol import Lookup, Reader, Resource

RECOGNIZED, CREDENTIALS = "nvcf.recognizedRegistries", "nvcf.registryCredentials"

CONTAINER, HELM, MODEL, RESOURCE = TYPES = ("CONTAINER", "HELM", "MODEL", "RESOURCE")
THROW, LOG = MODES = ("throw", "log")

# The registry of our own sample images, which nobody needs a credential for.
SAMPLES = "samples.aicr.local"
DOCKER, NGC = "docker.io", "nvcr.io"


class Registry(NamedTuple):
    """A registry that artifacts may come from. Where it is not `validated`, neither credentials nor
    artifacts are checked."""

    name: str
    hostname: str
    types: tuple[str, ...]
    validated: bool = True


_BOTH = (CONTAINER, HELM)
BUILT_IN = (
    Registry("AICR Sample Registry", SAMPLES, _BOTH, validated=False),
    Registry("AWS ECR Private Registry", "dkr.ecr.amazonaws.com", _BOTH),
    Registry("AWS ECR Public Registry", "public.ecr.aws", _BOTH),
    Registry("Azure Container Registry", "azurecr.io", _BOTH),
    Registry("Docker Hub Registry", DOCKER, _BOTH),
    Registry("NGC Private Registry", NGC, (CONTAINER,)),
    Registry("NGC Private Registry", "helm.ngc.nvidia.com", (HELM,)),
    Registry("NGC Private Registry", "api.ngc.nvidia.com", (MODEL, RESOURCE)),
    Registry("Volcano Engine Registry", "cr.volces.com", _BOTH),
)


def recognized(reader: Reader) -> list[Registry]:
    """Every registry that artifacts may come from, in order of name."""
    added = [_of(r.spec) for r in reader.resources(RECOGNIZED) if r.spec is not None]
    return sorted((*BUILT_IN, *added))


def _of(spec: Spec) -> Registry:
    return Registry(
        spec["name"], spec["hostname"], tuple(spec["artifactTypes"]), spec.get("validated", False)
    )


def find(reader: Reader, type_: str, hostname: str) -> Registry | None:
    """The registry of a host for a type of artifacts."""
    host = normal(hostname)
    return next((r for r in recognized(reader) if r.hostname == host and type_ in r.types), None)


# --------------------------------------------------------------------------- names of hosts

_GENERIC = (
    (re.compile(r"\d+\.dkr\.ecr\.[-a-z0-9]+\.amazonaws\.com"), "dkr.ecr.amazonaws.com"),
    (re.compile(r"[-.a-z0-9]+\.cr\.volces\.com"), "cr.volces.com"),
    (re.compile(r"[-.a-z0-9]+\.azurecr\.io"), "azurecr.io"),
    (re.compile(r"(index|registry-1|registry)\.docker\.io"), DOCKER),
)
_NGC = re.compile(r"(^|\.)(nvcr\.io|ngc\.nvidia\.com)$")
_STAGES = ("canary", "stg")


def is_ngc(hostname: str) -> bool:
    return _NGC.search(hostname.lower()) is not None


def normal(hostname: str) -> str:
    """A host as the table has it: those of one account or region under the name of all."""
    host = hostname.lower()
    if is_ngc(host):
        return ".".join(label for label in host.split(".") if label not in _STAGES)
    return next((name for pattern, name in _GENERIC if pattern.fullmatch(host)), host)


class Artifact(NamedTuple):
    """Something to be pulled: its type, and where it says it is (an image, or a URL)."""

    type: str
    uri: str

    @property
    def host(self) -> str:
        """The host that it is pulled from; images without one come from Docker Hub."""
        if "://" in self.uri:
            return _host_of(self.uri)
        head, slash, _ = self.uri.partition("/")
        named = bool(slash) and (head == "localhost" or "." in head or ":" in head)
        return head.lower() if named else DOCKER


def _host_of(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:  # brackets that are no IPv6 address
        return ""


# --------------------------------------------------------------------------- credentials


def by_id(credential_id: str) -> Lookup:
    return Lookup("registryCredentialId", credential_id)


def by_account(account: str) -> Lookup:
    return Lookup("account", account)


def lookups(spec: Spec, status: Spec) -> Iterator[Lookup]:
    yield by_account(spec["ncaId"])
    if status:
        yield by_id(status["registryCredentialId"])


def credentials(reader: Reader, account: str) -> list[Resource]:
    """The credentials of an account; those whose plan is still being applied are none yet."""
    found = reader.find(CREDENTIALS, by_account(account))
    return [r for r in found if r.spec is not None and r.status]


def credential(reader: Reader, account: str, type_: str, host: str) -> Resource | None:
    """A credential of an account for what is on a host: one for this very host, or else for all
    hosts of its kind."""
    having = {
        str((r.spec or {})["registryHostname"]).lower(): r
        for r in credentials(reader, account)
        if type_ in (r.spec or {})["artifactTypes"]
    }
    return having.get(host) or having.get(normal(host))


# --------------------------------------------------------------------------- the check


def check(reader: Reader, account: str, artifacts: Iterable[Artifact], mode: str = THROW) -> None:
    """Whether an account can pull these, as far as that is known here: from registries that are
    recognised, with a credential.

    Raises Refused 400; with mode `log` only says so in the log. That the artifacts are there is
    another question (controlplane.artifacts), which needs the network.
    """
    for artifact in artifacts:
        words = fault(reader, account, artifact)
        if words and mode == LOG:
            log("warn", words, account=account, artifact=artifact.uri)
        elif words:
            raise Refused(400, words)


def fault(reader: Reader, account: str, artifact: Artifact) -> str:
    """Why an account cannot pull something; nothing when it can."""
    found = find(reader, artifact.type, artifact.host)
    if found is None:
        return f"Unsupported registry hostname {artifact.host} for registry type {artifact.type}"
    if found.validated and credential(reader, account, artifact.type, artifact.host) is None:
        return f"Missing {artifact.type} registry credential for hostname '{artifact.host}'"
    return ""


# --------------------------------------------------------------------------- who uses a host

# Kinds whose resources pull artifacts, and give themselves the lookups of `uses`.
USERS = ("nvcf.functions", "nvct.tasks")


def by_host(account: str, type_: str, host: str) -> Lookup:
    return Lookup("registry", f"{type_} {normal(host)} {account}")


def uses(account: str, artifacts: Iterable[Artifact]) -> Iterator[Lookup]:
    """The lookups of a resource that pulls these: a credential that it needs is not deleted."""
    yield from {by_host(account, a.type, a.host): None for a in artifacts}


def users(reader: Reader, account: str, types: Iterable[str], host: str) -> list[str]:
    """Addresses of what pulls from a host."""
    asked = [by_host(account, type_, host) for type_ in types]
    return sorted(
        {r.address for kind in USERS for lookup in asked for r in reader.find(kind, lookup)}
    )
