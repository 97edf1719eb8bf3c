"""Settings of the server, from flags, the environment and a file; checked before it starts."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from aicr import jsonio
from aicr.errors import InvalidRequest

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Where workers share what they count; prometheus_client reads it once, when it is imported.
SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"
LOG_LEVELS = ("debug", "info", "warn", "error")


class Settings(NamedTuple):
    """Everything that can be set. Sizes in bytes, times in seconds."""

    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    shutdown_timeout: float = 30
    # How long the server says "not ready" before it stops taking connections.
    drain: float = 0.5
    log_level: str = "info"
    rate_limit: int = 100
    rate_burst: int = 200
    trusted_proxies: tuple[Network, ...] = ()
    # Whether whoever is on this machine needs no credential for keys; not behind a proxy on it.
    trust_loopback: bool = True
    allowed_hosts: tuple[str, ...] = ()
    max_body: int = 10 * 1024 * 1024
    # Of one asset, which is a file and never in memory.
    max_asset: int = 5 * 1024 * 1024 * 1024
    cache_bytes: int = 64 * 1024 * 1024
    data: str = ""
    # Where keys and credentials are (empty: ~/.aicr), where the state is (empty: there), and what
    # runs what the state wants to run.
    home: str = ""
    state: str = ""
    runtime: str = "process"
    # Who says which instance answers a request, and where other hosts reach those of this one.
    queue: str = "local"
    advertise: str = "127.0.0.1"
    # Whether answers of functions that are large become archives to which a URL leads.
    large_responses: bool = False
    # Where JetStream is (none: on this machine, as it comes), what it is to be shown, and how many
    # of its servers keep what waits.
    nats: tuple[str, ...] = ()
    nats_credentials: str = ""
    nats_replicas: int = 1
    # Where images are mapped to commands (empty: images.yaml in the home).
    images: str = ""
    # Where results of tasks are uploaded to: a directory, or s3://BUCKET/PREFIX (empty: results
    # in the home).
    results: str = ""
    # The GPUs of this machine, by name, as which it is a cluster itself; none: it is no cluster.
    cluster_gpus: Mapping[str, int] = {"H100": 8}
    # What happens to artifacts from registries that are not recognised or have no credential, and
    # whether a registry is asked for artifacts at all.
    registry_check: str = "throw"
    registry_live: bool = False
    # Registries beside those that are known.
    registries: Mapping[str, Mapping[str, Any]] = {}
    # Whether keys of clusters may be replaced, and what is said of versions of their agent.
    key_rotation: bool = True
    cluster_versions: Mapping[str, Any] = {}
    # What clients of the hosted service call the first account; empty: by its id, as the others.
    org: str = ""
    # Allowed values by criteria field, as the operator wrote them; absent means all.
    allowed: Mapping[str, tuple[str, ...]] = {}


class _Variable(NamedTuple):
    """An environment variable (and, in lower case, a key of the settings file)."""

    setting: str
    parse: Any  # text -> value; raises ValueError


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _networks(text: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(word, strict=False) for word in _words(text))


_NATS_SCHEMES = ("nats", "tls")


def _servers(text: str) -> tuple[str, ...]:
    found = _words(text)
    if not found or not all(_is_server(word) for word in found):
        raise ValueError(
            "write URLs, as nats://HOST:4222 or tls://HOST:4222, with ',' between; what is not a"
            " letter or digit in a name or password, as %23 for #"
        )
    return found


def _is_server(word: str) -> bool:
    url = urlsplit(word)
    try:
        whole = bool(url.hostname) and url.port != 0
    except ValueError:
        return False
    return whole and url.scheme in _NATS_SCHEMES and not (url.path or url.query or url.fragment)


def _host(text: str) -> str:
    word = text.strip()
    if not word:
        raise ValueError("an empty address would be all interfaces; say 0.0.0.0 or ::")
    return word.removeprefix("[").removesuffix("]")


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value < 65536:
        raise ValueError("not between 0 and 65535")
    return value


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("must be 1 or more")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 86_400:
        raise ValueError("not between 0 and 86400")
    return value


def _level(text: str) -> str:
    word = {"warning": "warn"}.get(text.strip().lower(), text.strip().lower())
    if word not in LOG_LEVELS:
        raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
    return word


def _replicas(text: str) -> int:
    value = int(text)
    if value not in REPLICAS:
        raise ValueError(f"must be one of {', '.join(str(r) for r in REPLICAS)}")
    return value


OFF, ON = "off", "on"
_GPUS = re.compile(r"([A-Za-z0-9_-]{1,22})=([1-9][0-9]{0,3})")


def _gpus(text: str) -> dict[str, int]:
    if text.strip().lower() == OFF:
        return {}
    found = [(word, _GPUS.fullmatch(word)) for word in _words(text)]
    wrong = next((word for word, match in found if match is None), None)
    if wrong is not None or not found:
        raise ValueError(f"write each GPU with its number, as H100=8,L40S=4, or {OFF}")
    return {match[1]: int(match[2]) for _, match in found if match}


_ORG = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,127}")


def _org(text: str) -> str:
    word = text.strip()
    if not _ORG.fullmatch(word):
        raise ValueError("must be letters, digits, '-', '_' and '.'")
    return word


def _switch(text: str) -> bool:
    word = text.strip().lower()
    if word not in (ON, OFF):
        raise ValueError(f"must be {ON} or {OFF}")
    return word == ON


def _object(text: str) -> dict[str, Any]:
    try:
        value = jsonio.parse(text.encode(), "it")
    except InvalidRequest as e:
        raise ValueError(str(e)) from None
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object")
    return value


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        word = text.strip().lower()
        if word not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return word

    return parse


CHECKS = ("throw", "log")
RUNTIMES = ("none", "simulated", "process")
LOCAL, STATE, JETSTREAM = QUEUES = ("local", "state", "jetstream")
REPLICAS = (1, 3, 5)


VARIABLES = {
    "HOST": _Variable("host", _host),
    "PORT": _Variable("port", _port),
    "AICR_WORKERS": _Variable("workers", _positive),
    "SHUTDOWN_TIMEOUT_SECONDS": _Variable("shutdown_timeout", _seconds),
    "AICR_DRAIN_SECONDS": _Variable("drain", _seconds),
    "LOG_LEVEL": _Variable("log_level", _level),
    "AICR_RATE_LIMIT": _Variable("rate_limit", _positive),
    "AICR_RATE_BURST": _Variable("rate_burst", _positive),
    "AICR_TRUSTED_PROXIES": _Variable("trusted_proxies", _networks),
    "AICR_TRUST_LOOPBACK": _Variable("trust_loopback", _switch),
    "AICR_ALLOWED_HOSTS": _Variable("allowed_hosts", lambda text: _words(text.lower())),
    "AICR_MAX_BODY_BYTES": _Variable("max_body", _positive),
    "AICR_MAX_ASSET_BYTES": _Variable("max_asset", _positive),
    "AICR_CACHE_BYTES": _Variable("cache_bytes", _positive),
    "AICR_DATA": _Variable("data", str.strip),
    "AICR_HOME": _Variable("home", str.strip),
    "AICR_STATE": _Variable("state", str.strip),
    "AICR_RUNTIME": _Variable("runtime", _one_of(*RUNTIMES)),
    "AICR_QUEUE": _Variable("queue", _one_of(*QUEUES)),
    "AICR_ADVERTISE": _Variable("advertise", _host),
    "AICR_LARGE_RESPONSES": _Variable("large_responses", _switch),
    "AICR_NATS": _Variable("nats", _servers),
    "AICR_NATS_CREDENTIALS": _Variable("nats_credentials", str.strip),
    "AICR_NATS_REPLICAS": _Variable("nats_replicas", _replicas),
    "AICR_IMAGES": _Variable("images", str.strip),
    "AICR_RESULTS": _Variable("results", str.strip),
    "AICR_CLUSTER_GPUS": _Variable("cluster_gpus", _gpus),
    "AICR_REGISTRY_CHECK": _Variable("registry_check", _one_of(*CHECKS)),
    "AICR_REGISTRY_LIVE": _Variable("registry_live", _switch),
    "AICR_JWKS_ROTATION": _Variable("key_rotation", _switch),
    "AICR_CLUSTER_VERSIONS": _Variable("cluster_versions", _object),
    "AICR_ORG": _Variable("org", _org),
}
# Variable -> criteria field. There is no list for platforms (contract section 2.5).
ALLOWLISTS = {
    "AICR_ALLOWED_ACCELERATORS": "accelerator",
    "AICR_ALLOWED_SERVICES": "service",
    "AICR_ALLOWED_INTENTS": "intent",
    "AICR_ALLOWED_OS": "os",
}


def from_environment(environment: Mapping[str, str], file: Mapping[str, Any]) -> Settings:
    """Settings of a file (keys as the variables, in any case), overridden by the environment.

    Raises InvalidRequest naming the variable or key.
    """
    known = {*VARIABLES, *ALLOWLISTS}
    folded = {key.upper(): value for key, value in file.items()}
    unknown = sorted(set(folded) - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise InvalidRequest(f"--config: {unknown[0].lower()} is no setting; there are {names}")
    given = {key: _text(value) for key, value in folded.items()}
    given |= {key: environment[key] for key in known if environment.get(key)}
    changes = {VARIABLES[k].setting: _parsed(k, v) for k, v in given.items() if k in VARIABLES}
    lists = {field: _words(given[key]) for key, field in ALLOWLISTS.items() if key in given}
    settings = Settings(**changes)._replace(registries=_registries(environment))
    return settings._replace(allowed={k: v for k, v in lists.items() if v})


_REGISTRY = re.compile(
    r"NVCF_REGISTRIES_RECOGNIZED_(CONTAINER|HELM|MODEL|RESOURCE)_([A-Z0-9_]+)_HOSTNAME"
)
_HOSTNAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9]*[A-Za-z0-9])?(?:\.[-A-Za-z0-9]+)+")


def _registries(environment: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Registries that the environment adds, by a name of their own. Raises InvalidRequest."""
    found = {}
    for variable in sorted(environment):
        match = _REGISTRY.fullmatch(variable)
        if match is None:
            continue
        host = environment[variable].strip().lower()
        if not _HOSTNAME.fullmatch(host):
            raise InvalidRequest(f"{variable}={host!r} cannot be used: not a hostname")
        name = environment.get(variable.removesuffix("HOSTNAME") + "NAME") or host
        key = f"{match[1]}-{match[2]}".lower().replace("_", "-").strip("-")
        found[key] = {
            "name": name,
            "hostname": host,
            "artifactTypes": [match[1]],
            "validated": False,
        }
    return found


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return jsonio.compact(value)
    return ",".join(str(v) for v in value) if isinstance(value, list) else str(value)


def _parsed(name: str, text: str) -> Any:
    try:
        return VARIABLES[name].parse(text)
    except ValueError as e:
        raise InvalidRequest(f"{name}={text!r} cannot be used: {e}") from None
