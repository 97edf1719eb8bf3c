"""Bundles to a registry, with the `oras` client (an extra: `pip install 'aicr[oras]'`)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from aicr._version import __version__
from aicr.bundle.oci import MANIFEST, Artifact, descriptor
from aicr.errors import InvalidRequest, Unauthorized, Unavailable

SCHEME = "oci://"
_REFERENCE = re.compile(
    r"(?P<name>(?P<host>[a-z0-9.-]+(:[0-9]+)?)(/[a-z0-9]+([._-]+[a-z0-9]+)*)+)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?"
)


class Reference(NamedTuple):
    """Where an artifact goes: host and repository, and tag."""

    name: str
    tag: str

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}"


def reference(target: str) -> Reference:
    """The reference of an `oci://` address; without a tag, this version of aicr is the tag.

    Raises InvalidRequest.
    """
    match = _REFERENCE.fullmatch(target.removeprefix(SCHEME))
    if match is None:
        words = "invalid OCI reference: invalid reference format (lower-case host/repository[:tag])"
        raise InvalidRequest(f"invalid --output value: {words}")
    return Reference(match["name"], match["tag"] or __version__)


def push(made: Artifact, to: Reference, *, plain_http: bool, insecure_tls: bool) -> None:
    """Upload an artifact with the credentials of Docker's configuration.

    Raises InvalidRequest when the extra is not installed, Unauthorized or Unavailable as the
    registry answers.
    """
    client, container = _client(to, plain_http, insecure_tls)
    with TemporaryDirectory() as aside:
        for blob in (made.config, made.layer):
            path = os.path.join(aside, "blob")
            with open(path, "wb") as f:
                f.write(blob)
            _answer(to, partial(client.upload_blob, path, container, descriptor("", blob)))
    address = f"{client.prefix}://{container.manifest_url()}"
    put = partial(client.do_request, address, "PUT", headers={"Content-Type": MANIFEST})
    _answer(to, partial(put, data=made.manifest))


def _client(to: Reference, plain_http: bool, insecure_tls: bool) -> tuple[Any, Any]:
    import inspect

    try:
        import oras.client
        import oras.container
    except ImportError:
        words = "pushing to a registry needs the oras client: pip install 'aicr[oras]'"
        raise InvalidRequest(f"{SCHEME}{to}: {words}") from None
    client = oras.client.OrasClient(insecure=plain_http, tls_verify=not insecure_tls)
    # Its own requests are made six times over two minutes; who waits for a push wants to know now.
    client.do_request = partial(inspect.unwrap(oras.client.OrasClient.do_request), client)
    container = oras.container.Container(str(to))
    client.auth.load_configs(container)
    return client, container


def _answer(to: Reference, request: Callable[[], Any]) -> None:
    """Make a request; what the registry or the network says against it becomes an error of ours."""
    import requests

    try:
        response = request()
    except requests.RequestException as e:
        raise Unavailable(f"cannot reach the registry of {to}: {e}") from None
    except ValueError as e:  # oras's word for a login that did not work
        raise Unauthorized(f"{to}: {e} (docker login)") from None
    if response.status_code in (401, 403):
        raise Unauthorized(f"{to}: the registry answered {response.status_code} (docker login)")
    if not response.ok:
        words = f"{response.status_code} {response.reason}"
        raise Unavailable(f"{to}: the registry answered {words}")
