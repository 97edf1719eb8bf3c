"""What ended a week ago is forgotten; what runs, waits, or is still declared is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from controlplane.services.nvct.purge import purge
from tests.controlplane.services.nvct.conftest import IMAGE, TASKS, Nvct, World, gpu


def test_a_week_after_the_end(nvct: Nvct, world: World) -> None:
    running = nvct.create(maxRuntimeDuration=None)
    world.passes()
    ended = nvct.create()
    nvct.good("POST", f"{TASKS}/{ended['id']}/cancel")
    declared = {
        "name": "d",
        "containerImage": IMAGE,
        "gpuSpecification": gpu(),
        "resultHandlingStrategy": "NONE",
    }
    nvct.apply({"nvct.tasks.declared": declared})
    nvct.good("POST", f"{TASKS}/{nvct.resource('nvct.tasks.declared').uid}/cancel")
    waiting = nvct.create()
    now = datetime.now(UTC)
    assert purge(nvct.engine, now + timedelta(days=6, hours=23)) == 0
    assert purge(nvct.engine, now + timedelta(days=7, hours=1)) == 1
    assert nvct.ask("GET", f"{TASKS}/{ended['id']}").status_code == 404
    assert nvct.states(running, waiting) == ["RUNNING", "QUEUED"]
    assert nvct.resource("nvct.tasks.declared").status["status"] == "CANCELED"
    nvct.apply({})
