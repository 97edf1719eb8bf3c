"""The server under load, as ratios to a bare Falcon route in the same run; needs `wrk`.

    python benchmarks/server.py [seconds of each measurement]

One worker each, one after the other, by the same gunicorn and the same worker class; the bare route
answers as many bytes. The bounds of issue 4: recipe and query 0.5 times the bare route, a repeated
bundle 0.3 times, 100 bundles a second that differ in one `set`, p99 of recipe under 5 times its
median, and memory that stays where it is over 200,000 requests.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
CRITERIA = "service=eks&accelerator=h100&intent=training&os=ubuntu"
RECIPE = f"/v1/recipe?{CRITERIA}"
QUERY = f"/v1/query?{CRITERIA}&selector=components.gpu-operator.values"
BUNDLE = "/v1/bundle?bundlers=gpu-operator"
REQUESTS = 200_000
ROUNDS = 3


class Load(NamedTuple):
    """What wrk saw."""

    rate: float  # requests a second
    median: float  # ms
    p99: float  # ms
    errors: int


@contextmanager
def served(command: list[str], scratch: str) -> Iterator[tuple[str, int]]:
    """URL and process id of the worker of a server."""
    log = Path(scratch, "log")
    plenty = {"AICR_RATE_LIMIT": "1000000", "AICR_RATE_BURST": "1000000", "LOG_LEVEL": "info"}
    home = {"AICR_HOME": str(Path(scratch, "home"))}
    env = {**os.environ, **plenty, **home, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as err:
        process = subprocess.Popen(command, stderr=err, env=env)
    try:
        while not (found := re.search(r"Listening at: (http://[\d.:]+)", log.read_text())):
            time.sleep(0.05)
        url = found[1]
        while not (pid := re.search(r"Booting worker with pid: (\d+)", log.read_text())):
            time.sleep(0.05)
        yield url, int(pid[1])
    finally:
        process.terminate()
        process.wait()


def load(url: str, seconds: float, script: str = "", scratch: str = "") -> Load:
    command = ["wrk", "-t1", "-c16", f"-d{max(1, round(seconds))}s", "--latency"]
    if script:
        path = Path(scratch, "wrk.lua")
        path.write_text(script)
        command += ["-s", str(path)]
    out = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", out)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    if rate is None:
        raise RuntimeError(out)
    return Load(float(rate[1]), _ms(out, "50"), _ms(out, "99"), int(bad[1]) if bad else 0)


def _ms(out: str, percentile: str) -> float:
    found = re.search(rf"{percentile}%\s+([\d.]+)(us|ms|s)", out)
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]] if found else 0.0


def post(recipe: bytes, path: str) -> str:
    """A wrk script that posts a recipe; `%d` in the path counts up."""
    body = recipe.decode().replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"""local i = 0
local body = '{body}'
local headers = {{["Content-Type"] = "application/json"}}
request = function()
  i = i + 1
  return wrk.format("POST", string.format("{path}", i), headers, body)
end
"""


def fetch(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, body)) as answer:  # noqa: S310
        return bytes(answer.read())


def memory(pid: int) -> float:
    """MB of the process that are in memory."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


async def _nothing() -> None:
    """A bare server has nothing beside its requests."""


def bare(sizes: dict[str, int], workers: int = 1) -> int:
    """Serve `/{name}` with so many bytes: Falcon, our worker class, nothing else."""
    from types import SimpleNamespace

    from falcon import asgi
    from gunicorn.app.base import BaseApplication

    class Bytes:
        def __init__(self, size: int) -> None:
            self._data = b"x" * size

        async def on_get(self, req: Any, resp: Any) -> None:
            resp.content_type = "application/json"
            resp.data = self._data

        async def on_post(self, req: Any, resp: Any) -> None:
            await req.stream.read()
            await self.on_get(req, resp)

    class Bare(BaseApplication):
        def load_config(self) -> None:
            self.cfg.set("bind", "127.0.0.1:0")
            self.cfg.set("worker_class", "controlplane.http.worker.Worker")
            self.cfg.set("control_socket_disable", True)
            self.cfg.set("keepalive", 120)
            self.cfg.set("workers", workers)

        def load(self) -> Any:
            settings = SimpleNamespace(shutdown_timeout=1, drain=0)
            lifecycle = SimpleNamespace(reason="")
            self.program = SimpleNamespace(
                settings=settings, lifecycle=lifecycle, start=_nothing, stop=_nothing
            )
            app = asgi.App()
            for name, size in sizes.items():
                app.add_route(f"/{name}", Bytes(size))
            return app

    Bare().run()
    return 0


def main(seconds: float) -> int:
    if shutil.which("wrk") is None:
        print("wrk is not on the PATH (Debian: apt-get install wrk)")
        return 1
    ours = [sys.executable, "-m", "aicr", "serve", "--port", "0"]
    with tempfile.TemporaryDirectory() as scratch, served(ours, scratch) as (url, pid):
        recipe = fetch(url + RECIPE)
        sizes = {"recipe": len(recipe), "query": len(fetch(url + QUERY))}
        sizes["bundle"] = len(fetch(url + BUNDLE, recipe))
        words = [f"{name}={size}" for name, size in sizes.items()]
        own = f"{scratch}/bare"
        Path(own).mkdir()
        with served([sys.executable, __file__, "--bare", *words], own) as (other, _):
            paths = (("recipe", RECIPE, 0.5), ("query", QUERY, 0.5), ("bundle", BUNDLE, 0.3))
            print(f"{'':24}{'bytes':>8}{'req/s':>10}{'median':>10}{'p99':>10}{'ratio':>8}  bound")
            for name, path, bound in paths:
                script = post(recipe, path) if name == "bundle" else ""
                theirs_script = post(recipe, "/bundle") if script else ""
                # Taking turns, so that a busy machine slows both alike.
                rounds = [
                    (
                        load(other if script else f"{other}/{name}", seconds, theirs_script, own),
                        load(url if script else url + path, seconds, script, scratch),
                    )
                    for _ in range(ROUNDS)
                ]
                theirs, mine = (sorted(column)[ROUNDS // 2] for column in zip(*rounds, strict=True))
                ratio = median(mine.rate / theirs.rate for theirs, mine in rounds)
                show(f"bare {name}", theirs, f"{sizes[name]:8}")
                show(name, mine, f"{sizes[name]:8}", f"{ratio:8.2f}  >= {bound}")
                if name == "recipe":
                    rate = mine.rate
                    print(f"recipe: p99 / median {mine.p99 / mine.median:.2f} (< 5)")
        varied = post(recipe, f"{BUNDLE}&set=gpuoperator:driver.version=1.%d")
        differing = load(url, seconds * ROUNDS, varied, scratch)
        show("bundle, one set each", differing, " " * 8, f"{'':8}  >= 100/s")
        before = memory(pid)
        load(url + RECIPE, REQUESTS / rate)
        print(f"memory over {REQUESTS} recipes: {before:.1f} MB -> {memory(pid):.1f} MB")
    return 0


def show(name: str, seen: Load, size: str, more: str = "") -> None:
    errors = f"  {seen.errors} ERRORS" if seen.errors else ""
    print(f"{name:24}{size}{seen.rate:10.0f}{seen.median:8.2f}ms{seen.p99:8.2f}ms{more}{errors}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        pairs = (word.split("=") for word in sys.argv[2:])
        sys.exit(bare({name: int(size) for name, size in pairs}))
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 3))
