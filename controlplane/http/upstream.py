"""Requests to what runs behind this server: streamed both ways, and never sent twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from functools import lru_cache

import aiohttp
from yarl import URL

Pairs = list[tuple[bytes, bytes]]
# Connections that nobody uses are closed before functions close theirs (many do after 2 s): what is
# sent to one that is just being closed fails, and must not be sent again.
IDLE_SECONDS = 1.0
CONNECT_SECONDS = 5.0
# As long as heads of requests to this server may be.
MAX_HEADER_BYTES = 64 * 1024
# So much of an answer waits for a slow reader, at most about twice.
BUFFER_BYTES = 128 * 1024
_OURS_ALONE = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class Unreached(Exception):
    """Nobody listens there: nothing was sent."""


class Broken(Exception):
    """The connection ended before the answer did: what was sent may have arrived."""


class Upstream:
    """Connections to endpoints (host:port), kept for the next request; for one loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    def _open(self) -> aiohttp.ClientSession:
        session = self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=_OURS_ALONE,
            read_bufsize=BUFFER_BYTES,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
        )
        # A GET that had no answer may still have been carried out; aiohttp's own tests use this.
        session._retry_connection = False  # noqa: SLF001
        return session

    async def send(
        self,
        method: str,
        endpoint: str,
        target: str,
        headers: Pairs,
        body: bytes | AsyncIterator[bytes],
    ) -> aiohttp.ClientResponse:
        """The answer, as soon as its head is there. Raises Unreached, and Broken."""
        try:
            return await (self._session or self._open()).request(
                method,
                _url(endpoint, target),
                headers=_text(headers),
                data=body or None,
                allow_redirects=False,
            )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as e:
            raise Unreached(str(e)) from e
        except (aiohttp.ClientError, OSError, ValueError) as e:
            raise Broken(_words(e)) from e

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def parts(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """The body of an answer as it comes. Raises Broken when it ends too soon."""
    try:
        while part := await response.content.readany():
            yield part
    except (aiohttp.ClientError, OSError) as e:
        raise Broken(_words(e)) from e


def at_once(response: aiohttp.ClientResponse) -> bytes | None:
    """The whole body, when all of it is there already."""
    content = response.content
    if not content.is_eof() or content.exception() is not None:
        return None
    return content.read_nowait() if content.total_bytes else b""


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__


@lru_cache(maxsize=4096)
def _url(endpoint: str, target: str) -> URL:
    """The target goes out as it came in."""
    return URL(f"http://{endpoint}{target}", encoded=True)


def _text(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(n.decode("latin-1"), v.decode("utf-8", "replace")) for n, v in headers]
