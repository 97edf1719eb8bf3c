"""Settings: environment over file, flags over both, and errors that name what is wrong."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from aicr.errors import InvalidRequest
from controlplane.http.settings import ALLOWLISTS, VARIABLES, Settings, from_environment


def test_defaults() -> None:
    assert from_environment({}, {}) == Settings()
    assert (Settings().host, Settings().port) == ("127.0.0.1", 8080)
    assert (Settings().rate_limit, Settings().rate_burst) == (100, 200)


GOOD = [
    ("HOST", " ::1 ", "host", "::1"),
    ("PORT", "0", "port", 0),
    ("PORT", "65535", "port", 65535),
    ("AICR_WORKERS", "3", "workers", 3),
    ("SHUTDOWN_TIMEOUT_SECONDS", "1.5", "shutdown_timeout", 1.5),
    ("AICR_DRAIN_SECONDS", "0", "drain", 0.0),
    ("LOG_LEVEL", "WARNING", "log_level", "warn"),
    ("LOG_LEVEL", "debug", "log_level", "debug"),
    ("AICR_RATE_LIMIT", "7", "rate_limit", 7),
    ("AICR_RATE_BURST", "8", "rate_burst", 8),
    (
        "AICR_TRUSTED_PROXIES",
        "10.0.0.1/8, ::1",
        "trusted_proxies",
        (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1")),
    ),
    ("AICR_TRUST_LOOPBACK", "Off", "trust_loopback", False),
    ("AICR_TRUST_LOOPBACK", "on", "trust_loopback", True),
    ("AICR_ALLOWED_HOSTS", "A.example,[::1]", "allowed_hosts", ("a.example", "[::1]")),
    ("AICR_MAX_BODY_BYTES", "1000", "max_body", 1000),
    ("AICR_JWKS_ROTATION", "OFF", "key_rotation", False),
    ("AICR_CLUSTER_VERSIONS", ' {"a": [1]} ', "cluster_versions", {"a": [1]}),
    ("AICR_MAX_ASSET_BYTES", "1000", "max_asset", 1000),
    ("AICR_CACHE_BYTES", "1", "cache_bytes", 1),
    ("AICR_DATA", "/data", "data", "/data"),
    ("AICR_HOME", " /home ", "home", "/home"),
    ("AICR_STATE", "postgresql://h/d", "state", "postgresql://h/d"),
    ("AICR_RUNTIME", "Simulated", "runtime", "simulated"),
    ("AICR_RUNTIME", "process", "runtime", "process"),
    ("AICR_QUEUE", "State", "queue", "state"),
    ("AICR_QUEUE", "local", "queue", "local"),
    ("AICR_ADVERTISE", " 10.0.0.5 ", "advertise", "10.0.0.5"),
    ("AICR_QUEUE", "jetstream", "queue", "jetstream"),
    ("AICR_LARGE_RESPONSES", "on", "large_responses", True),
    ("AICR_NATS", "nats://a:4222, tls://b", "nats", ("nats://a:4222", "tls://b")),
    ("AICR_NATS_CREDENTIALS", " /run/nats.creds ", "nats_credentials", "/run/nats.creds"),
    ("AICR_NATS_REPLICAS", "3", "nats_replicas", 3),
    ("AICR_IMAGES", " /images.yaml ", "images", "/images.yaml"),
    ("AICR_RESULTS", " s3://b/p ", "results", "s3://b/p"),
    ("AICR_CLUSTER_GPUS", "H100=8, L40S=4", "cluster_gpus", {"H100": 8, "L40S": 4}),
    ("AICR_CLUSTER_GPUS", "Off", "cluster_gpus", {}),
    ("AICR_REGISTRY_CHECK", "LOG", "registry_check", "log"),
    ("AICR_REGISTRY_LIVE", "On", "registry_live", True),
    ("AICR_REGISTRY_LIVE", "off", "registry_live", False),
    ("AICR_ORG", " acme ", "org", "acme"),
]


@pytest.mark.parametrize(("name", "text", "setting", "value"), GOOD)
def test_each_variable(name: str, text: str, setting: str, value: Any) -> None:
    assert getattr(from_environment({name: text}, {}), setting) == value
    assert getattr(from_environment({}, {name.lower(): text}), setting) == value


def test_each_variable_is_tested() -> None:
    assert {name for name, *_ in GOOD} == set(VARIABLES)


BAD = [
    ("PORT", "65536"),
    ("PORT", "-1"),
    ("PORT", "http"),
    ("AICR_WORKERS", "0"),
    ("AICR_RUNTIME", "docker"),
    ("AICR_QUEUE", "nats"),
    ("AICR_ADVERTISE", " "),
    ("AICR_NATS", "127.0.0.1:4222"),
    ("AICR_NATS", "http://127.0.0.1:4222"),
    ("AICR_NATS", ","),
    ("AICR_NATS", "nats://"),
    ("AICR_NATS", "nats://me:pa#ss@host:4222"),
    ("AICR_NATS", "nats://me:pa/ss@host:4222"),
    ("AICR_NATS", "nats://host:port"),
    ("AICR_NATS_REPLICAS", "2"),
    ("AICR_CLUSTER_GPUS", "H100"),
    ("AICR_CLUSTER_GPUS", "H100=0"),
    ("AICR_CLUSTER_GPUS", "H100=8,a b=1"),
    ("AICR_CLUSTER_GPUS", ","),
    ("AICR_REGISTRY_CHECK", "maybe"),
    ("AICR_REGISTRY_LIVE", "yes"),
    ("AICR_TRUST_LOOPBACK", "no"),
    ("SHUTDOWN_TIMEOUT_SECONDS", "-1"),
    ("SHUTDOWN_TIMEOUT_SECONDS", "nan"),
    ("SHUTDOWN_TIMEOUT_SECONDS", "inf"),
    ("AICR_DRAIN_SECONDS", "x"),
    ("LOG_LEVEL", "loud"),
    ("AICR_RATE_LIMIT", "0"),
    ("AICR_RATE_BURST", "1.5"),
    ("AICR_TRUSTED_PROXIES", "10.0.0.0/33"),
    ("AICR_TRUSTED_PROXIES", "proxy.example"),
    ("AICR_MAX_BODY_BYTES", "-5"),
    ("AICR_JWKS_ROTATION", "perhaps"),
    ("AICR_CLUSTER_VERSIONS", "[]"),
    ("AICR_CLUSTER_VERSIONS", "{"),
    ("AICR_CACHE_BYTES", "all"),
]


@pytest.mark.parametrize(("name", "text"), BAD)
def test_what_cannot_be_used_is_named(name: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=name):
        from_environment({name: text}, {})


def test_the_environment_wins_over_the_file() -> None:
    found = from_environment({"PORT": "1"}, {"port": 2, "aicr_workers": 3})
    assert (found.port, found.workers) == (1, 3)


def test_an_empty_variable_is_unset() -> None:
    assert from_environment({"PORT": ""}, {"port": 2}).port == 2


def test_lists_in_the_file() -> None:
    found = from_environment({}, {"aicr_allowed_services": ["eks", "gke"]})
    assert found.allowed == {"service": ("eks", "gke")}


@pytest.mark.parametrize(("name", "field"), ALLOWLISTS.items())
def test_allowlists(name: str, field: str) -> None:
    assert from_environment({name: " a , ,b"}, {}).allowed == {field: ("a", "b")}
    assert from_environment({name: " , "}, {}).allowed == {}


def test_a_setting_that_does_not_exist() -> None:
    with pytest.raises(InvalidRequest, match="portt is no setting"):
        from_environment({}, {"portt": 1})


@pytest.mark.parametrize("host", [" ", "[]"])
def test_no_address_is_not_every_address(host: str) -> None:
    if host == " ":
        with pytest.raises(InvalidRequest, match="would be all interfaces"):
            from_environment({"HOST": host}, {})
    else:
        assert from_environment({"HOST": "[::1]"}, {}).host == "::1"


def test_an_object_of_a_file_is_an_object() -> None:
    found = from_environment({}, {"aicr_cluster_versions": {"nvcaVersions": [{"version": "1"}]}})
    assert found.cluster_versions == {"nvcaVersions": [{"version": "1"}]}
