"""Cloud Functions' management API, as ratios in the same run; needs `wrk`.

    python benchmarks/nvcf.py [seconds of each measurement]

Two workers over SQLite. The bounds of issue 6: GET of a function, authorised and with everything
that stands before a request, 0.4 times a bare Falcon route of the same size; creating functions
0.15 times the bare SQLite writer of benchmarks/writes.py; a list of 5,000 in under 150 ms.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from server import bare, load, served
from writes import raw_sqlite

SERVICE = "nvidia-cloud-functions-ncp-service-id-aketm"
FUNCTION = {
    "name": "bench",
    "inferenceUrl": "/echo",
    "inferencePort": 8000,
    "containerImage": "samples.aicr.local/echo:1",
}
LISTED = 5_000


def call(url: str, token: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers)) as answer:  # noqa: S310
        return json.loads(answer.read())


def mint(url: str) -> str:
    request = urllib.request.Request(f"{url}/v1/admin/keys", b"")  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        return str(json.loads(answer.read())["value"])


def script(token: str, body: Any = None) -> str:
    """A wrk script that bears a token, and posts a body when there is one."""
    lines = [f'wrk.headers["Authorization"] = "Bearer {token}"']
    if body is not None:
        lines += ['wrk.method = "POST"', f"wrk.body = '{json.dumps(body)}'"]
        lines.append('wrk.headers["Content-Type"] = "application/json"')
    return "\n".join(lines)


def main(seconds: float) -> int:
    serve = [sys.executable, "-m", "aicr", "serve", "--port", "0", "--workers", "2"]
    with tempfile.TemporaryDirectory() as scratch:
        with served(serve, scratch) as (url, _):
            token = mint(url)
            made = call(f"{url}/v2/nvcf/functions", token, FUNCTION)["function"]
            path = f"/v2/nvcf/functions/{made['id']}/versions/{made['versionId']}"
            size = len(json.dumps({"function": made}, separators=(",", ":")))
            got = load(url + path, seconds, script(token), scratch)
            created = load(f"{url}/v2/nvcf/functions", seconds, script(token, FUNCTION), scratch)
            while len(call(f"{url}/v2/nvcf/functions/ids", token)["functionIds"]) < LISTED:
                call(f"{url}/v2/nvcf/functions", token, FUNCTION)
            listing = f"{url}/v2/nvcf/functions"
            times = []
            for _ in range(5):
                start = time.perf_counter()
                count = len(call(listing, token)["functions"])
                times.append(1000 * (time.perf_counter() - start))
        command = [sys.executable, __file__, "--bare", str(size)]
        with served(command, scratch) as (url, _):
            plain = load(f"{url}/x", seconds)
        raw = raw_sqlite(str(Path(scratch, "raw.db")), seconds)
    print(
        f"GET of a function    {got.rate:8.0f} /s of {plain.rate:.0f}: {got.rate / plain.rate:.2f}"
    )
    print(f"creating functions   {created.rate:8.0f} /s of {raw:.0f}: {created.rate / raw:.2f}")
    print(f"errors               {got.errors + created.errors:8d}")
    shown = ", ".join(f"{t:.0f}" for t in times)
    print(f"list of {count:6d}      {shown} ms (with parsing it here)")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        sys.exit(bare({"x": int(sys.argv[2])}, workers=2))
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 5.0))
