"""The server as one worker holds it: settings, catalog, engine, and the application over them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import time
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from aicr import catalog as catalogs
from aicr.catalog import Catalog
from aicr.errors import AicrError, InvalidRequest
from controlplane.access import bootstrap
from controlplane.access.credentials import Credentials
from controlplane.artifacts import Live
from controlplane.assets import Files
from controlplane.assets import known as known_asset
from controlplane.engine import Engine
from controlplane.home import Home, home
from controlplane.http.app import Service, create_app
from controlplane.http.lifecycle import Lifecycle
from controlplane.http.log import log
from controlplane.http.metrics import Metrics
from controlplane.http.settings import JETSTREAM, STATE, Settings
from controlplane.local import engine_at
from controlplane.loop import Loop, a_minute, a_second, keep, runtime_of
from controlplane.plan.recover import recover
from controlplane.queue.jetstream.check import check
from controlplane.queue.jetstream.layout import Nats
from controlplane.queue.jetstream.queue import JetStream
from controlplane.queue.jetstream.recruit import recruit
from controlplane.queue.local import Local
from controlplane.queue.relay import Relay
from controlplane.queue.seats import Seats
from controlplane.queue.state import Shared
from controlplane.results import Sink, sink
from controlplane.runtime.images import FILE, ImageMap
from controlplane.runtime.insiders import is_instance
from controlplane.services.aicr.answers import Answers
from controlplane.services.aicr.models import SCHEMAS
from controlplane.services.aicr.requests import allowlists
from controlplane.services.aicr.routes import routes
from controlplane.services.gpus.service import service as gpu_service
from controlplane.services.instances.service import service as instance_service
from controlplane.services.invoke.invocation import plane_of
from controlplane.services.invoke.service import Front, Invoking
from controlplane.services.invoke.service import service as invocations
from controlplane.services.invoke.versions import Versions
from controlplane.services.keys.context import Trust
from controlplane.services.keys.service import service as key_service
from controlplane.services.ngc.log_routes import Runs
from controlplane.services.ngc.service import Set
from controlplane.services.ngc.service import service as ngc_service
from controlplane.services.nvcf.asset_routes import Context as AssetContext
from controlplane.services.nvcf.asset_routes import service as asset_service
from controlplane.services.nvcf.service import context as nvcf_context
from controlplane.services.nvcf.service import service as nvcf_service
from controlplane.services.nvct.reports import Reports
from controlplane.services.nvct.service import context as task_context
from controlplane.services.nvct.service import service as task_service
from controlplane.services.plans import models as plan_models
from controlplane.services.plans import routes as plan_routes
from controlplane.services.registries import configured
from controlplane.services.registries.service import service as registry_service
from controlplane.services.sis import embedded
from controlplane.services.sis.routes import Operator
from controlplane.services.sis.service import service as sis_service
from controlplane.state.protocol import Reader
from controlplane.state.sql import is_file, warning
from controlplane.tail import Tail
from controlplane.vendor.lookups import TASKS


def load(settings: Settings) -> tuple[Catalog, dict[str, list[str]]]:
    """The catalog, and what of it may be asked for.

    Raises AicrError when there is no catalog, or an allowlist names no value of it.
    """
    catalog = catalogs.load(settings.data or None)
    return catalog, allowlists(catalog, settings.allowed)


def announce(settings: Settings) -> None:
    """Say what whoever starts a server with these settings should know."""
    if settings.workers > 1 and is_file(settings.state) and warning():
        log("warn", warning())
    if not settings.registry_live:
        log("info", "registries are not asked for artifacts: AICR_REGISTRY_LIVE=on does that")


def prepare(settings: Settings) -> None:
    """Make what is not there yet, once, before there are workers: the home, the schema, the first
    account, and an end for what a crash left. Raises AicrError."""
    if settings.runtime == "process":
        ImageMap(settings.images or os.path.join(home_of(settings).path, FILE)).check()
    results_of(settings)
    _check_queue(settings)
    engine = engine_of(settings)
    try:
        bootstrap.prepare(engine)
        _declare(engine, settings)
        for digest in recover(engine):
            log("warn", "a plan was interrupted", plan=digest)
        home_of(settings).token()
        Files(home_of(settings).assets).sweep(time.time())
    finally:
        engine.store.close()


def _declare(engine: Engine, settings: Settings) -> None:
    """What the settings say of this machine and of registries, as resources."""
    embedded.ensure(engine, settings.cluster_gpus)
    configured.ensure(engine, settings.registries)


def _check_queue(settings: Settings) -> None:
    """Raises InvalidRequest for settings that have no effect, and Unavailable."""
    if settings.queue == JETSTREAM:
        check(nats_of(settings))
    elif settings.nats or settings.nats_credentials or settings.nats_replicas != 1:
        queue = settings.queue
        raise InvalidRequest(f"AICR_NATS* have no effect: AICR_QUEUE is {queue}, not {JETSTREAM}")


def nats_of(settings: Settings) -> Nats:
    """Where JetStream is: by default, where its server listens that is given no settings."""
    servers = settings.nats or ("nats://127.0.0.1:4222",)
    credentials = settings.nats_credentials and os.path.abspath(settings.nats_credentials)
    return Nats(servers, credentials, settings.nats_replicas)


def queue_of(settings: Settings) -> Seats:
    """What grants places to requests of a worker."""
    if settings.queue == STATE:
        return Shared(state_of(settings))
    if settings.queue == JETSTREAM:
        return JetStream(nats_of(settings))
    return Local(home_of(settings).socket)


def home_of(settings: Settings) -> Home:
    return Home(settings.home) if settings.home else home()


def results_of(settings: Settings) -> Sink:
    """Where results of tasks go. Raises InvalidRequest."""
    return sink(settings.results or home_of(settings).results, os.environ)


def state_of(settings: Settings) -> str:
    """Where the state is."""
    return settings.state or home_of(settings).state


def engine_of(settings: Settings) -> Engine:
    """The engine that settings name. Raises AicrError."""
    return engine_at(home_of(settings), settings.state)


class Program:
    """What `prepare` has made ready. Raises AicrError when there is no catalog or no store to start
    with, or an allowlist names no value."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lifecycle = Lifecycle()
        self._metrics = Metrics()
        self._answers = self._load()
        self.engine = engine_of(settings)
        self.engine.registry_check = settings.registry_check
        self.tail = Tail(self.engine)
        self.credentials = self._credentials()
        self.runtime = runtime_of(settings.runtime, home_of(settings).path, settings.images)
        reports = {TASKS: Reports(results_of(settings))}
        queue = queue_of(settings)
        self._loop = Loop(self.engine, self.runtime, queue.loads_now, reports)
        self.tail.listeners.append(self._loop.heard)
        queue.crowded = lambda _door: self._loop.wake()
        self._invoking = self._invocation(queue)
        self._tasks: list[asyncio.Task[None]] = []
        application = create_app(settings, self._services(), self.lifecycle, self._metrics)
        self.app: Any = Front(application.asgi, self._invoking)
        self.described = application.described

    def _services(self) -> list[Service]:
        aicr = Service(routes(lambda: self._answers), SCHEMAS)
        context = plan_routes.Context(
            self.engine,
            self.credentials,
            self.tail,
            self.lifecycle,
            lambda: self._answers.catalog,
        )
        plans = Service(plan_routes.routes(context), plan_models.SCHEMAS)
        here = self.settings.trust_loopback
        stranger = partial(is_instance, home_of(self.settings).path)
        trust = Trust(self.settings.trusted_proxies, here, stranger)
        keys = key_service(self.engine, self.credentials, trust)
        operator = Operator(self.settings.key_rotation, self.settings.cluster_versions)
        sis = sis_service(self.engine, self.credentials, operator)
        gpus = gpu_service(self.engine, self.credentials)
        live, mode = self._live(), self.settings.registry_check
        registries = registry_service(self.engine, self.credentials, live)
        of_nvcf = nvcf_context(self.engine, self.credentials, self._invoking.plane, live, mode)
        nvcf = nvcf_service(of_nvcf)
        files = Files(home_of(self.settings).assets)
        assets = asset_service(
            AssetContext(self.engine, self.credentials, files, self.settings.max_asset)
        )
        of_nvct = task_context(self.engine, self.credentials, live, mode)
        tasks = task_service(of_nvct)
        hosted = Set(self.settings.org, operator, Runs(self.runtime, self.lifecycle))
        ngc = ngc_service(self.credentials, of_nvcf, of_nvct, registries.routes, hosted)
        instances = instance_service(self.runtime, self.credentials, self.lifecycle)
        invoking = invocations(self._invoking.plane.archives)
        vendor = [keys, sis, gpus, registries, assets, nvcf, invoking, tasks, ngc]
        return [aicr, plans, *vendor, instances]

    def _invocation(self, queue: Seats) -> Invoking:
        """What invokes functions."""
        settings, held = self.settings, home_of(self.settings).held
        versions = Versions(self.engine)
        self.tail.listeners.append(versions.heard)
        plane = plane_of(queue, held, self.engine.vault, self._metrics.registry)
        return Invoking(
            self.credentials,
            versions,
            plane,
            self._metrics,
            settings.allowed_hosts,
            settings.max_body,
            self._missing_assets,
            settings.large_responses,
        )

    async def _missing_assets(self, account: str, ids: Sequence[str]) -> list[str]:
        def missing(reader: Reader) -> list[str]:
            return [id_ for id_ in ids if known_asset(reader, account, id_) is None]

        return await self.engine.read(missing)

    def _live(self) -> Live | None:
        """Whoever asks registries themselves, where that is wanted."""
        settings = self.settings
        return Live(self.engine, settings.registry_check) if settings.registry_live else None

    def _credentials(self) -> Credentials:
        token = home_of(self.settings).token()
        local = {hashlib.sha256(token.encode()).digest()}
        found = Credentials(self.engine, bootstrap.prepare(self.engine), local)
        self.tail.listeners.append(found.heard)
        self.engine.on_change = self.tail.wake
        return found

    async def start(self) -> None:
        """Begin what goes on beside requests."""
        plane = self._invoking.plane
        self._go(self.tail.follow())
        self._go(self._loop.run())
        self._go(plane.queue.follow())
        self._go(keep(plane.results.tidy, a_second))
        self._share(plane.queue, home_of(self.settings).socket, self.settings.advertise)

    def _share(self, queue: Seats, socket: str, address: str) -> None:
        """Let other hosts' requests come to the instances of this one, where they are to."""
        if isinstance(queue, Shared):
            self._go(Relay(socket, queue, address).follow())
        elif isinstance(queue, JetStream):
            self._go(recruit(socket, nats_of(self.settings), address))
            self._go(keep(partial(queue.tidy, self._there), a_minute))

    async def _there(self, address: str) -> bool:
        return await self.engine.read(lambda reader: reader.get(address) is not None)

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(_missed)
        self._tasks.append(task)

    async def stop(self) -> None:
        """End it, and close the store: what was asked to be written is. The lease is given back and
        the store closed whatever fails before."""
        async with AsyncExitStack() as last:
            last.push_async_callback(asyncio.to_thread, self.engine.store.close)
            last.push_async_callback(asyncio.to_thread, self._loop.end)
            last.callback(self._invoking.plane.close)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _load(self) -> Answers:
        catalog, allowed = load(self.settings)
        return Answers(catalog, allowed, self.settings.cache_bytes, self._metrics)

    def reload(self) -> None:
        """Read the catalog again; one that is broken changes nothing and is noted in /ready."""
        try:
            answers = self._load()
        except AicrError as e:
            self.lifecycle.note = f"the catalog was not reloaded: {e.message}"
            log("error", "the catalog was not reloaded", error=str(e))
            return
        self._answers = answers
        self.engine.vault.refresh()
        self.lifecycle.note = ""
        log("info", "the catalog was reloaded", digest=answers.catalog.digest)


def _missed(task: asyncio.Task[None]) -> None:
    """A worker without what goes on beside requests is no worker: it ends, and another comes."""
    if not task.cancelled() and (e := task.exception()) is not None:
        log("error", "a worker's background task failed: the worker ends", error=str(e), trace=e)
        os.kill(os.getpid(), signal.SIGTERM)
