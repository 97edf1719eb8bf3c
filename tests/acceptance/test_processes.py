"""Functions as processes under a real server: through reloads, killed workers, and its end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.server import until
from tests.acceptance.site import Site, again, workers
from tests.controlplane.hosts import kill, wait_for_end


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.server:
        made.login()
        yield made
    assert made.host.processes() == [], "a server that ends leaves nothing behind"


def test_a_function_outlives_everything_but_the_end_of_its_server(site: Site) -> None:
    path = site.deployed()
    site.becomes(path, "ACTIVE")
    id_, host = site.instance(), site.host
    child = host.child(id_)
    site.server.signal(signal.SIGHUP)
    for worker in workers(site.server):
        kill(worker)
    assert host.ask(id_) == b"hello"
    kill(host.runner)
    assert host.ask(id_) == b"hello"
    assert (site.instance(), host.child(id_)) == (id_, child)
    until(site.server._ready, "the server to be ready")
    site.becomes(path, "ACTIVE")
    kill(child)
    until(lambda: again(host, id_, child), "a new instance")
    site.becomes(path, "ACTIVE")
    logs = site.aicr(
        "logs", "--server", site.server.url, f"nvcf.deployments.{path.rpartition('/')[2]}"
    )
    assert logs.stdout.count("listening on") == 2, logs.stderr
    assert site.aicr("logs", "--server", site.server.url, "nvcf.deployments.x").returncode == 3
    assert site.aicr("logs", "x").returncode == 2
    runner = host.runner
    site.call("DELETE", f"deployments/{path}")
    wait_for_end(host.child(id_))
    site.becomes(path, "INACTIVE")
    assert host.runner == runner


def test_an_image_that_cannot_run_says_what_to_add(site: Site) -> None:
    path = site.deployed(containerImage="samples.aicr.local/unknown:1")
    site.becomes(path, "ERROR")
    found = site.call("GET", f"deployments/{path}")["deployment"]["healthInfo"]
    assert f"{site.home}/images.yaml" in found[0]["error"]
