"""Where results go: files by key, in a directory or in a bucket that speaks S3.

A key is a path with slashes. What is there under it is replaced, whole: an upload that was cut off
is made again from its beginning.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import os
import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs, quote, urlsplit

from aicr.errors import InvalidRequest, Unavailable

S3_SCHEME = "s3://"
_TIMEOUT = 60.0
_ERROR_BYTES = 300


class Sink(Protocol):
    def put(self, key: str, path: str) -> None:
        """Store a file. Raises Unavailable when it cannot be."""


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


def files(root: str) -> Iterator[tuple[str, str]]:
    """The files below a directory, each with its key; links lead nowhere."""
    for place, names, found in os.walk(root):
        names.sort()
        for name in sorted(found):
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield os.path.relpath(path, root).replace(os.sep, "/"), path


class Directory(NamedTuple):
    """A directory of this host."""

    root: str

    def put(self, key: str, path: str) -> None:
        target = os.path.join(self.root, *key.split("/"))
        try:
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            # Under another name first: nobody finds half of a file.
            handle, part = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".part-")
            try:
                with open(path, "rb") as source, open(handle, "wb") as f:
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

    def put(self, key: str, path: str) -> None:
        below = "/".join(filter(None, (self.bucket, self.prefix, key)))
        url = urlsplit(self.endpoint)
        target = quote(f"{url.path.rstrip('/')}/{below}", safe="/~")
        with open(path, "rb") as f:
            digest = hashlib.file_digest(f, "sha256").hexdigest()
            f.seek(0)
            headers = self._signed(url.netloc, target, digest)
            headers["Content-Length"] = str(os.fstat(f.fileno()).st_size)
            connection = _connection(url.scheme, url.netloc)
            try:
                connection.request("PUT", target, body=f, headers=headers)
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
