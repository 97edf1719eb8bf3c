"""The server as one worker holds it: settings, the current catalog, and the application."""

from __future__ import annotations

from typing import Any

from aicr import catalog as catalogs
from aicr.catalog import Catalog
from aicr.errors import AicrError
from controlplane.http.app import Service, create_app
from controlplane.http.lifecycle import Lifecycle
from controlplane.http.log import log
from controlplane.http.metrics import Metrics
from controlplane.http.settings import Settings
from controlplane.services.aicr.answers import Answers
from controlplane.services.aicr.models import SCHEMAS
from controlplane.services.aicr.requests import allowlists
from controlplane.services.aicr.routes import routes


def load(settings: Settings) -> tuple[Catalog, dict[str, list[str]]]:
    """The catalog, and what of it may be asked for.

    Raises AicrError when there is no catalog, or an allowlist names no value of it.
    """
    catalog = catalogs.load(settings.data or None)
    return catalog, allowlists(catalog, settings.allowed)


class Program:
    """Raises AicrError when there is no catalog to start with, or an allowlist names no value."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lifecycle = Lifecycle()
        self._metrics = Metrics()
        self._answers = self._load()
        aicr = Service(routes(lambda: self._answers), SCHEMAS)
        application = create_app(settings, [aicr], self.lifecycle, self._metrics)
        self.app: Any = application.asgi
        self.described = application.described

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
        self.lifecycle.note = ""
        log("info", "the catalog was reloaded", digest=answers.catalog.digest)
