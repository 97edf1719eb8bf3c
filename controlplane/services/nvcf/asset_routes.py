"""The routes of assets: what is said of them is for bearers, their bytes for whoever has a URL."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import falcon
from falcon.asgi import Request, Response

from aicr.errors import AicrError
from controlplane.access import guard
from controlplane.access.credentials import Caller, Credentials
from controlplane.assets import Files
from controlplane.changes import Changes
from controlplane.engine import Engine
from controlplane.http import bodies
from controlplane.http.app import Service
from controlplane.http.openapi import Route
from controlplane.http.problem_json import DIALECT
from controlplane.http.problems import Problem, Refused
from controlplane.services.nvcf import asset_models, asset_spec, assets
from controlplane.services.nvcf.asset_models import CreateAssetRequest
from controlplane.services.nvcf.asset_spec import BASE, SCOPE
from controlplane.services.nvcf.assets import CONTENT, GET, PUT
from controlplane.state.protocol import Reader
from controlplane.vendor import errors, requests

T = TypeVar("T")

# Falcon names parameters as the path does.
# ruff: noqa: N803


class Context(NamedTuple):
    """What the routes work with; an asset has at most `max_bytes`."""

    engine: Engine
    credentials: Credentials
    files: Files
    max_bytes: int
    clock: Callable[[], float] = time.time

    async def caller(self, req: Request) -> Caller:
        return await guard.require(req, self.credentials, SCOPE)

    async def read(self, work: Callable[[Reader], T]) -> T:
        try:
            return await self.engine.read(work)
        except AicrError as e:
            raise errors.of(e) from None

    async def change(self, caller: Caller, req: Request, work: Callable[[Changes], T]) -> T:
        try:
            return await self.engine.change(caller.actor(req.context.request_id), work)
        except AicrError as e:
            raise errors.of(e) from None


def service(of: Context) -> Service:
    routes = (
        Route(BASE, Assets(of), **asset_spec.ASSETS),
        Route(f"{BASE}/{{assetId}}", Asset(of), **asset_spec.ASSET),
        Route(f"{BASE}/{{assetId}}/content-redirect", Redirect(of), **asset_spec.REDIRECT),
        Route(f"{CONTENT}/{{assetId}}", Content(of), **asset_spec.CONTENT),
    )
    prefixes = (CONTENT,)
    return Service(
        routes, asset_models.SCHEMAS, prefixes, DIALECT, limited=False, max_body=of.max_bytes
    )


class _Resource:
    def __init__(self, of: Context) -> None:
        self._of = of

    def _url(self, req: Request, method: str, asset_id: str) -> str:
        of = self._of
        return assets.url(req.prefix, of.engine.vault, method, asset_id, of.clock())


def _say(resp: Response, answer: Any) -> None:
    resp.content_type = falcon.MEDIA_JSON
    resp.data = bodies.compact(answer)


class Assets(_Resource):
    async def on_get(self, req: Request, resp: Response) -> None:
        caller = await self._of.caller(req)
        found = await self._of.read(lambda r: assets.listed(r, caller.account))
        _say(resp, {"assets": [assets.answer(asset) for asset in found]})

    async def on_post(self, req: Request, resp: Response) -> None:
        caller = await self._of.caller(req)
        body = await requests.body(req, CreateAssetRequest)
        made = await self._of.change(
            caller, req, lambda changes: assets.create(changes, caller.account, body)
        )
        answer = assets.answer(made)
        url = self._url(req, PUT, answer["assetId"])
        _say(resp, {"assetId": answer["assetId"], "uploadUrl": url, **answer})


class Asset(_Resource):
    async def on_get(self, req: Request, resp: Response, assetId: str) -> None:
        caller = await self._of.caller(req)
        id_ = requests.uuid(assetId, "assetId")
        found = await self._of.read(lambda r: assets.owned(r, caller.account, id_))
        _say(resp, {"asset": assets.answer(found)})

    async def on_delete(self, req: Request, resp: Response, assetId: str) -> None:
        caller = await self._of.caller(req)
        id_ = requests.uuid(assetId, "assetId")

        def delete(changes: Changes) -> None:
            changes.delete(assets.owned(changes.tx, caller.account, id_))

        await self._of.change(caller, req, delete)
        # Afterwards: a file without an asset is only room, an asset without its file is lost.
        self._of.files.remove(id_)
        resp.status = falcon.HTTP_204


class Redirect(_Resource):
    async def on_get(self, req: Request, resp: Response, assetId: str) -> None:
        caller = await self._of.caller(req)
        id_ = requests.uuid(assetId, "assetId")
        await self._of.read(lambda r: assets.owned(r, caller.account, id_))
        resp.set_header("Cache-Control", "no-store")
        _say(resp, {"presignedUrl": self._url(req, GET, id_)})


class Content(_Resource):
    """The bytes of an asset, for whoever has a URL that says so."""

    async def on_put(self, req: Request, resp: Response, assetId: str) -> None:
        id_, _ = await self._asset(req, PUT, assetId)
        size = req.content_length
        if size is None:
            raise Refused(411, "Content-Length is needed", code="LENGTH_REQUIRED")
        try:
            await self._of.files.receive(id_, aiter(req.stream), size)
        except OSError as e:
            raise _unstored(e) from None
        try:
            await self._of.read(lambda r: assets.media_type(r, id_))
        except Problem:  # deleted while it came
            self._of.files.remove(id_)
            raise

    async def on_get(self, req: Request, resp: Response, assetId: str) -> None:
        id_, media_type = await self._asset(req, GET, assetId)
        size = self._of.files.size(id_)
        if size is None:
            raise Refused(404, f"Asset id '{id_}': Not uploaded")
        resp.content_type = media_type
        # What somebody uploaded is never a page of this server.
        resp.set_header("Content-Disposition", "attachment")
        resp.set_header("Cache-Control", "no-store")
        resp.content_length = size
        resp.stream = await self._of.files.read(id_)

    async def _asset(self, req: Request, method: str, asset_id: str) -> tuple[str, str]:
        """The id and the media type of an asset that may be read or written. Raises Problem."""
        of, id_ = self._of, requests.uuid(asset_id, "assetId")
        if not assets.allows(of.engine.vault, method, id_, req.params, of.clock()):
            raise Refused(403, "The URL is not valid, or no longer")
        return id_, await of.read(lambda r: assets.media_type(r, id_))


def _unstored(error: OSError) -> Problem:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    words = "The asset cannot be stored: there is no room" if full else "The asset cannot be stored"
    return Problem(507, words, code="INSUFFICIENT_STORAGE")
