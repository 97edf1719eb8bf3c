"""Where results go: files by key, in a directory or in a bucket that speaks S3.

A key is a path with slashes. What is there under it is replaced, whole: an upload that was cut off
is made again from its beginning.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import http.client
import os
import shutil
import ssl
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import BufferedIOBase
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, quote, urlsplit

from aicr.errors import InvalidRequest, Unavailable

S3_SCHEME = "s3://"
_TIMEOUT = 60.0
_ERROR_BYTES = 300
# Directories within directories: each one on the way is held open.
DEPTH = 64
# Nobody is waited for, as at a pipe, and a link is not followed.
_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Sink(Protocol):
    def put(self, key: str, source: BufferedIOBase) -> None:
        """Store what a file holds. Raises Unavailable when it cannot be."""


def sink(where: str, environment: Mapping[str, str]) -> Sink:
    """The sink of a setting: a directory, or s3://BUCKET/PREFIX?endpoint=URL&region=NAME with
    credentials as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Raises InvalidRequest."""
    if not where.startswith(S3_SCHEME):
        return Directory(os.path.abspath(where))
    url = urlsplit(where)
    options = {name: values[-1] for name, values in parse_qs(url.query).items()}
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    missing = [name for name in names if not environment.get(name)]
    if not url.netloc or missing:
        need = f"{' and '.join(missing)} for it" if missing else "s3://BUCKET/PREFIX"
        raise InvalidRequest(f"AICR_RESULTS: a bucket needs {need}")
    region = options.get("region", "us-east-1")
    endpoint = options.get("endpoint", f"https://s3.{region}.amazonaws.com")
    keys = (environment[names[0]], environment[names[1]])
    return S3(endpoint, url.netloc, url.path.strip("/"), region, *keys)


def files(root: str) -> Iterator[tuple[str, BufferedIOBase]]:
    """The files below a directory, each with its key, open until the next one is asked for. Links
    lead nowhere, also where the directory itself is one: whoever writes there may put anything in
    the place of anything meanwhile, so that what is looked at and read is what was opened.

    Raises InvalidRequest when directories are too deep, OSError when one cannot be read.
    """
    handle = _opened(root, None, os.O_DIRECTORY)
    if handle is not None:
        yield from _below(handle, "")


def _below(handle: int, prefix: str) -> Iterator[tuple[str, BufferedIOBase]]:
    """The files below an open directory, which is closed."""
    try:
        if prefix.count("/") > DEPTH:
            raise InvalidRequest(f"directories are more than {DEPTH} deep")
        for name in sorted(os.listdir(handle)):
            child = _opened(name, handle)
            if child is None:
                continue
            mode = os.fstat(child).st_mode
            if stat.S_ISDIR(mode):
                yield from _below(child, f"{prefix}{name}/")
            elif stat.S_ISREG(mode):
                with open(child, "rb") as f:
                    yield f"{prefix}{name}", f
            else:
                os.close(child)
    finally:
        os.close(handle)


def _opened(name: str, parent: int | None, flags: int = 0) -> int | None:
    """A name of a directory, open; None for a link, a socket, and what is gone."""
    try:
        return os.open(name, _OPEN | flags, dir_fd=parent)
    except OSError as e:
        if e.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
            return None
        raise


class Directory(NamedTuple):
    """A directory of this host."""

    root: str

    def put(self, key: str, source: BufferedIOBase) -> None:
        target = os.path.join(self.root, *key.split("/"))
        try:
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            # Under another name first: nobody finds half of a file.
            handle, part = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".part-")
            try:
                with open(handle, "wb") as f:
                    shutil.copyfileobj(source, f)
                os.replace(part, target)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part)
                raise
        except OSError as e:
            raise Unavailable(f"{target}: {e.strerror}") from None


class S3(NamedTuple):
    """A bucket behind an endpoint, with the path of each key below its name; requests are signed by
    AWS Signature Version 4."""

    endpoint: str
    bucket: str
    prefix: str
    region: str
    access_key: str
    secret_key: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def put(self, key: str, source: BufferedIOBase) -> None:
        below = "/".join(filter(None, (self.bucket, self.prefix, key)))
        url = urlsplit(self.endpoint)
        target = quote(f"{url.path.rstrip('/')}/{below}", safe="/~")
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        source.seek(0)
        headers = self._signed(url.netloc, target, digest)
        headers["Content-Length"] = str(os.fstat(source.fileno()).st_size)
        connection = _connection(url.scheme, url.netloc)
        try:
            connection.request("PUT", target, body=source, headers=headers)
            answer = connection.getresponse()
            said = answer.read(_ERROR_BYTES)
        except (OSError, http.client.HTTPException) as e:
            raise Unavailable(f"{self.endpoint}: {e}") from None
        finally:
            connection.close()
        if answer.status >= http.client.BAD_REQUEST:
            words = said.decode(errors="replace")
            raise Unavailable(f"{self.endpoint}: {answer.status} for {below}: {words}")

    def _signed(self, host: str, target: str, digest: str) -> dict[str, str]:
        at = self.now().strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": at}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"PUT\n{target}\n\n{lines}\n{names}\n{digest}"
        scope = f"{at[:8]}/{self.region}/s3/aws4_request"
        asked = hashlib.sha256(request.encode()).hexdigest()
        text = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{asked}"
        key = f"AWS4{self.secret_key}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.new(key, text.encode(), "sha256").hexdigest()
        credential = f"Credential={self.access_key}/{scope}"
        words = f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"
        return {**headers, "Authorization": words}


def _connection(scheme: str, host: str) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, timeout=_TIMEOUT)
    context = ssl.create_default_context()
    return http.client.HTTPSConnection(host, timeout=_TIMEOUT, context=context)
