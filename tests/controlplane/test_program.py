"""A worker's state: a catalog that is swapped as a whole, or kept and said why."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from aicr.errors import AicrError, InvalidRequest, Unavailable
from controlplane import loop as loops
from controlplane.http.settings import Settings
from controlplane.program import prepare

External = Callable[[Mapping[str, str | bytes]], str]

OVERLAY = """kind: RecipeMetadata
apiVersion: aicr.nvidia.com/v1alpha1
metadata: {{name: acme}}
spec:
  criteria: {{service: eks}}
  constraints: [{{name: Acme.level, value: "{value}"}}]
"""
NAME = "overlays/acme.yaml"


def level(own: Any) -> Any:
    return own.recipe(service="eks")["constraints"].get("Acme.level")


def test_a_reload_swaps_the_catalog(api_with: Any, external: External) -> None:
    data = external({NAME: OVERLAY.format(value=">= 1")})
    own = api_with(data=data)
    etag = own.simulate_get("/v1/recipe", params={"service": "eks"}).headers["etag"]
    assert level(own) == ">= 1"
    Path(data, NAME).write_text(OVERLAY.format(value=">= 2"))
    assert level(own) == ">= 1"
    own.program.reload()
    assert level(own) == ">= 2"
    again = own.simulate_get(
        "/v1/recipe", params={"service": "eks"}, headers={"If-None-Match": etag}
    )
    assert again.status_code == 200


@pytest.mark.parametrize(
    "broken",
    [
        "kind: [",
        OVERLAY.format(value=">= 2").replace("{name: acme}", "{name: acme}\n  base: nowhere"),
        OVERLAY.format(value=">= 2").replace("spec:", "spec:\n  base: nowhere"),
        b"\xff\xfe",
    ],
)
def test_a_broken_catalog_keeps_the_old(
    api_with: Any, external: External, broken: str | bytes
) -> None:
    data = external({NAME: OVERLAY.format(value=">= 1")})
    own = api_with(data=data)
    path = Path(data, NAME)
    path.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
    own.program.reload()
    if own.program.lifecycle.note == "":  # a document that is only warned about is a new catalog
        pytest.fail("the catalog was taken")
    ready = own.simulate_get("/ready")
    assert ready.status_code == 200
    assert ready.json["status"] == "ready"
    assert ready.json["note"].startswith("the catalog was not reloaded: ")
    assert level(own) == ">= 1"
    path.write_text(OVERLAY.format(value=">= 3"))
    own.program.reload()
    assert level(own) == ">= 3"
    assert "note" not in own.simulate_get("/ready").json


def test_a_directory_that_went_away(api_with: Any, external: External) -> None:
    data = external({NAME: OVERLAY.format(value=">= 1")})
    own = api_with(data=data)
    Path(data).rename(data + ".gone")
    own.program.reload()
    assert "note" in own.simulate_get("/ready").json
    assert level(own) == ">= 1"


def test_there_must_be_a_catalog_to_start_with(api_with: Any, tmp_path: Path) -> None:
    with pytest.raises(AicrError):
        api_with(data=str(tmp_path / "nothing"))


def test_an_image_map_that_cannot_be_used_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "images.yaml").write_text("images:\n- {image: a}\n")
    for settings in (Settings(), Settings(images=str(tmp_path / "images.yaml"))):
        home = str(tmp_path if not settings.images else tmp_path / "home")
        with pytest.raises(InvalidRequest, match=r"images.yaml:2:3: command is missing"):
            prepare(settings._replace(home=home, runtime="process"))
    prepare(Settings(home=str(tmp_path / "home"), runtime="none"))


def test_a_worker_ends_when_something_of_it_has_ended(
    api_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    """And gives back what others wait for, whatever failed."""
    program = api_with(home=str(tmp_path / "home")).program
    asked: list[tuple[int, int]] = []
    done: list[str] = []
    ended = asyncio.Event()

    def kill(pid: int, number: int) -> None:
        asked.append((pid, number))
        ended.set()

    async def fails() -> None:
        raise OSError("out of order")

    def broken() -> None:
        done.append("lease")
        raise Unavailable("the state is away")

    monkeypatch.setattr(os, "kill", kill)
    monkeypatch.setattr(program._loop, "run", fails)
    monkeypatch.setattr(program._loop, "end", broken)
    close = program.engine.store.close
    monkeypatch.setattr(program.engine.store, "close", lambda: (done.append("store"), close()))

    async def run() -> None:
        await program.start()
        await asyncio.wait_for(ended.wait(), 30)
        with pytest.raises(Unavailable, match="the state is away"):
            await program.stop()

    asyncio.run(run())
    assert asked == [(os.getpid(), signal.SIGTERM)]
    assert done == ["lease", "store"]
    assert "out of order" in capfd.readouterr().err


def test_a_worker_that_is_stopped_ends_once(
    api_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = api_with(home=str(tmp_path / "home")).program
    asked: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: asked.append(number))

    async def run() -> None:
        await program.start()
        await program.stop()

    asyncio.run(run())
    assert asked == []


def test_results_that_cannot_be_tidied_end_nothing(
    api_with: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = api_with(home=str(tmp_path / "home")).program
    monkeypatch.setattr(loops, "SECONDS", 0.0)
    asked: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: asked.append(number))

    async def run() -> None:
        tried = asyncio.Queue[None]()

        async def tidy() -> None:
            tried.put_nowait(None)
            raise OSError("a directory")

        monkeypatch.setattr(program._invoking.plane.results, "tidy", tidy)
        await program.start()
        for _ in range(2):
            await asyncio.wait_for(tried.get(), 30)
        await program.stop()

    asyncio.run(run())
    assert asked == []
