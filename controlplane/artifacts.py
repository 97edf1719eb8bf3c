"""Whether artifacts are there: registries themselves are asked, where the installation wants that.

Off by default (AICR_REGISTRY_LIVE), and only of registries that speak the OCI distribution API:
images, and charts that are oci://. Others are taken at their word.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable

from aicr.errors import InvalidRequest, Unavailable
from controlplane import oci, registries
from controlplane.engine import Engine
from controlplane.http.log import log
from controlplane.http.problems import Problem, Refused
from controlplane.oci import MISSING, REFUSED, Client
from controlplane.plan.effects import secret_name
from controlplane.registries import CONTAINER, HELM, LOG, THROW, Artifact
from controlplane.state.protocol import Reader
from controlplane.vault import Vault

SECRET = "secret.value"  # noqa: S105 (the path of one)
# What is asked in this way.
_ASKED = (CONTAINER, HELM)


class Live:
    """Asks registries with the credentials of accounts. `plain` is for tests."""

    def __init__(self, engine: Engine, mode: str = THROW, *, plain: bool = False) -> None:
        self._engine, self._mode, self._plain = engine, mode, plain

    async def check(self, account: str, artifacts: Iterable[Artifact]) -> None:
        """Raises Refused: 404 for what is not there, 403 for what may not be pulled, 400 for what
        is no reference; and Problem 503 when a registry does not answer. In mode `log` all of that
        is only logged."""
        for artifact in artifacts:
            try:
                await self._one(account, artifact)
            except Problem as e:
                if self._mode != LOG:
                    raise
                log("warn", e.message, account=account, artifact=artifact.uri)

    async def _one(self, account: str, artifact: Artifact) -> None:
        if artifact.type not in _ASKED or artifact.uri.startswith(("http://", "https://")):
            return
        try:
            image = oci.parse(artifact.uri)
        except InvalidRequest as e:
            raise Refused(400, e.message) from None
        vault = self._engine.vault
        login = await self._engine.read(lambda r: login_of(r, vault, account, artifact))
        if login is None:
            return
        client = Client(image.host, login, plain=self._plain)
        try:
            found = await asyncio.to_thread(client.look, image)
        except Unavailable as e:
            raise Problem(503, e.message) from None
        if found == MISSING:
            raise Refused(404, f"{artifact.type} artifact '{artifact.uri}' not found")
        if found == REFUSED:
            raise Refused(403, f"No permission for {artifact.type} artifact '{artifact.uri}'")

    async def log_in(self, host: str, value: str, types: Iterable[str]) -> None:
        """Raises Refused 400 when a registry does not know a credential (base64 of
        user:password)."""
        if not {*_ASKED} & {*types}:
            return
        client = Client(host, base64.b64decode(value).decode(), plain=self._plain)
        try:
            found = await asyncio.to_thread(client.log_in)
        except Unavailable as e:
            raise Problem(503, e.message) from None
        if found == REFUSED:
            raise Refused(400, f"Registry {host} does not accept the credential")


def login_of(reader: Reader, vault: Vault, account: str, artifact: Artifact) -> str | None:
    """The login with which an account pulls something; None when nobody is to be asked."""
    registry = registries.find(reader, artifact.type, artifact.host)
    if registry is None or not registry.validated:
        return None
    found = registries.credential(reader, account, artifact.type, artifact.host)
    if found is None:
        return ""
    value = vault.get(reader, secret_name(found.address, SECRET))
    return base64.b64decode(value).decode()
