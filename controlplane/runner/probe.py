"""Whether an instance is well: it is asked as its function's `health` says."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from controlplane.runtime.workload import Probe

_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
# What opens HTTP/2, with an empty SETTINGS frame; who speaks it answers with its own.
_OPENING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
_FRAME, _SETTINGS = 9, 4
_SECONDS = 10.0


async def ask(port: int, probe: Probe | None) -> str:
    """Why an instance that listens on a port of this host is not well; nothing when it is. Without
    a probe it is enough that it listens."""
    seconds = probe["timeout"] if probe else _SECONDS
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if probe is None:
                    return ""
                return await _ask[probe["protocol"].upper()](reader, writer, probe)
            finally:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        return f"it does not answer within {seconds:g} s"
    except (OSError, asyncio.IncompleteReadError) as e:
        return f"it does not answer: {getattr(e, 'strerror', None) or 'the connection ended'}"


async def _http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, probe: Probe) -> str:
    uri = probe["uri"] if probe["uri"].startswith("/") else f"/{probe['uri']}"
    head = f"GET {uri} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    writer.write(head.encode("ascii", "replace"))
    try:
        found = _STATUS.match(await reader.readline())
    except ValueError:  # a line without an end
        found = None
    if found is None:
        return "it does not answer in HTTP/1.1"
    if int(found[1]) != probe["status"]:
        return f"{uri} answers {int(found[1])}, not {probe['status']}"
    return ""


async def _grpc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, _: Probe) -> str:
    """Whether it speaks HTTP/2. Its health service is not asked: that needs a whole HTTP/2."""
    writer.write(_OPENING)
    frame = await reader.readexactly(_FRAME)
    return "" if frame[3] == _SETTINGS else "it does not answer in HTTP/2"


_ask = {"HTTP": _http, "GRPC": _grpc}
