"""Metrics: the seed's names, route patterns as labels, and bounded whatever is asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge, Histogram

from controlplane.http.metrics import counting, observing

NAMES = {
    "aicr_http_requests_total": "counter",
    "aicr_http_request_duration_seconds": "histogram",
    "aicr_http_requests_in_flight": "gauge",
    "aicr_rate_limit_rejects_total": "counter",
    "aicr_panic_recoveries_total": "counter",
    "aicr_recipe_cache_misses_total": "counter",
    "aicr_recipe_build_duration_seconds": "histogram",
}


def samples(own: Any) -> dict[str, float]:
    text = own.simulate_get("/metrics").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def counted(own: Any, method: str, path: str, status: int) -> float:
    name = f'aicr_http_requests_total{{method="{method}",path="{path}",status="{status}"}}'
    return samples(own).get(name, 0)


@pytest.mark.parametrize(("name", "kind"), NAMES.items())
def test_names(api: Any, name: str, kind: str) -> None:
    answer = api.simulate_get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert f"# TYPE {name} {kind}\n" in answer.text


@pytest.mark.parametrize(
    ("method", "path", "label", "status"),
    [
        ("GET", "/v1/recipe", "/v1/recipe", 200),
        ("HEAD", "/v1/recipe", "/v1/recipe", 200),
        ("DELETE", "/v1/recipe", "/v1/recipe", 405),
        ("GET", "/", "/", 200),
        ("GET", "/some/path/1", "unknown", 404),
        ("GET", "//v1/recipe", "unknown", 307),
        ("POST", "/v1/bundle", "/v1/bundle", 400),
    ],
)
def test_requests_are_counted_by_route(
    api_with: Any, method: str, path: str, label: str, status: int
) -> None:
    own = api_with()
    own.simulate_request(method, path)
    assert counted(own, method, label, status) == 1
    duration = f'aicr_http_request_duration_seconds_count{{method="{method}",path="{label}"}}'
    assert samples(own)[duration] == 1


def test_labels_are_bounded(api_with: Any) -> None:
    own = api_with()
    for i in range(20):
        own.simulate_get(f"/nothing/{i}")
        own.simulate_get("/v1/recipe", query_string=f"x={i}")
    series = [s for s in samples(own) if s.startswith("aicr_http_requests_total")]
    assert sorted(re.findall(r'path="([^"]*)"', " ".join(series))) == ["/v1/recipe", "unknown"]


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_probes_are_not_counted(api_with: Any, path: str) -> None:
    own = api_with()
    own.simulate_get(path)
    assert not [s for s in samples(own) if s.startswith("aicr_http_requests_total")]


@pytest.mark.parametrize("path", ["/v1/recipe", "/nothing", "/v1/recipe?service=x"])
def test_nothing_stays_in_flight(api_with: Any, path: str) -> None:
    own = api_with()
    own.simulate_get(path)
    assert samples(own)["aicr_http_requests_in_flight"] == 0


def test_misses_count_compilations(api_with: Any) -> None:
    own = api_with()
    for query in ("service=eks&os=ubuntu", "os=ubuntu&service=eks", "service=EKS&os=ubuntu"):
        assert own.simulate_get("/v1/recipe", query_string=query).status_code == 200
    found = samples(own)
    assert found["aicr_recipe_build_duration_seconds_count"] == 1
    assert found["aicr_recipe_cache_misses_total"] == 1


SHARED = """
import os, sys
from controlplane.http.metrics import Metrics
metrics = Metrics()
for times in (2, 3):  # in a child first
    if times == 2 and os.fork():
        os.wait()
        continue
    for _ in range(times):
        metrics.begin()
        metrics.count("GET", "/x", 200, 0.02)
    metrics.begin()
    if times == 2:
        os._exit(0)
sys.stdout.buffer.write(metrics.text())
"""


def test_what_processes_share_is_what_all_of_them_counted(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SHARED],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    found = dict(line.rsplit(" ", 1) for line in run.stdout.splitlines() if line[0] != "#")
    assert found['aicr_http_requests_total{method="GET",path="/x",status="200"}'] == "5.0"
    labels = 'method="GET",path="/x"'
    assert found[f"aicr_http_request_duration_seconds_count{{{labels}}}"] == "5.0"
    assert float(found[f"aicr_http_request_duration_seconds_sum{{{labels}}}"]) == pytest.approx(0.1)
    # "livesum": the child's file is that of a process that is not marked dead.
    assert found["aicr_http_requests_in_flight"] == "2.0"


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.100001, 1.0, 7.5, 1000.0])
def test_what_is_observed_falls_into_the_bucket_of_the_library(amount: float) -> None:
    ours, theirs = (
        Histogram("some_seconds", "Some.", buckets=(0.1, 1, 7.5), registry=CollectorRegistry())
        for _ in range(2)
    )
    observing(ours)(amount)
    theirs.observe(amount)

    def said(histogram: Histogram) -> list[tuple[object, ...]]:
        samples = [s for family in histogram.collect() for s in family.samples]
        return [(s.name, s.labels, s.value) for s in samples if not s.name.endswith("_created")]

    assert said(ours) == said(theirs)


def test_what_is_counted_is_what_the_library_counts() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("some", "Some.", ("of",), registry=registry)
    count = counting(gauge.labels("a"))
    count(1)
    count(1)
    count(-1)
    assert registry.get_sample_value("some", {"of": "a"}) == 1
