"""What the instances of a task have written down, and the upload of their results: the only part of
this service that looks at files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from aicr.errors import AicrError
from controlplane.kinds import Spec
from controlplane.results import Sink, files
from controlplane.services.nvct import progress
from controlplane.services.nvct.instances import PROGRESS_FILE, RESULTS_DIR, finished
from controlplane.services.nvct.models import UPLOAD
from controlplane.state.protocol import Resource

# Uploads at once.
UPLOADS = 4


class Reports:
    """Reads progress files, and uploads results when there is no more to come. Used by one thread,
    which asks again until an upload is done."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pool = ThreadPoolExecutor(UPLOADS, thread_name_prefix="aicr-upload")
        self._uploads: dict[str, Future[None]] = {}

    def __call__(
        self, task: Resource, instances: Sequence[Spec], works: Sequence[str | None]
    ) -> Mapping[str, Any]:
        """What is known of a task beside the states of its instances: `progress`, and what became
        of its results (`uploaded`, or `uploadError`)."""
        found = _progress(works[0])
        report = {} if found is None else {"progress": found}
        spec = task.spec or {}
        percent = max(r.get("percentComplete", 0) for r in (found or {}, task.status))
        if spec["resultHandlingStrategy"] == UPLOAD and finished(instances, percent):
            return {**report, **self._upload(task, [work for work in works if work is not None])}
        return report

    def _upload(self, task: Resource, works: list[str]) -> Mapping[str, Any]:
        known = self._uploads.get(task.uid)
        if known is None:
            location = f"{(task.spec or {})['resultsLocation']}/{task.status['taskId']}"
            known = self._pool.submit(_store, self._sink, location, works)
            self._uploads[task.uid] = known
        if not known.done():
            return {}
        # Whoever asks again, since what was said did not count, has it uploaded again.
        del self._uploads[task.uid]
        error = known.exception()
        if error is None:
            return {"uploaded": True}
        words = error.message if isinstance(error, AicrError) else str(error)
        return {"uploadError": f"its results were not uploaded: {words}"}


def _progress(work: str | None) -> Mapping[str, Any] | None:
    if work is None:
        return None
    try:
        # Never a pipe, or what a link of the task's own leads to.
        handle = os.open(f"{work}/{PROGRESS_FILE}", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, "rb") as f:
            found = os.fstat(f.fileno())
            # Programs may state any time; the system knows when a file was changed at the latest.
            changed = max(0.0, min(found.st_mtime, found.st_ctime))
            return progress.parse(f.read(progress.MAX_BYTES + 1), changed)
    except OSError:
        return None


def _store(sink: Sink, location: str, works: list[str]) -> None:
    """Upload what is in the directories of results; with several nodes each below its number."""
    for number, work in enumerate(works):
        below = location if len(works) == 1 else f"{location}/{number}"
        for key, source in files(f"{work}/{RESULTS_DIR}"):
            sink.put(f"{below}/{key}", source)
