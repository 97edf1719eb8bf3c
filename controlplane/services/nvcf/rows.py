"""Functions as lists show them, kept as text: what has not changed is not read and made again.

A row is known by the address and revision of its resource, so it can never be old.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from controlplane.http import bodies
from controlplane.services.nvcf import answers
from controlplane.services.nvcf.lookups import EVERYBODY, FUNCTIONS, parties
from controlplane.state.protocol import Head, Lookup, Reader, Resource
from controlplane.vendor.lookups import account_of

# About a kilobyte each.
MAX_ROWS = 20_000
# Fewer missing ones are read one by one.
_FEW = 20


class Row(NamedTuple):
    """A version: who sees it, what names it, and its text for its own account and for others."""

    address: str
    created: str
    account: str
    parties: frozenset[str]
    function: str
    version: str
    own: bytes
    foreign: bytes

    @property
    def public(self) -> bool:
        return EVERYBODY in self.parties


def row(r: Resource) -> Row:
    spec, status = r.spec or {}, r.status
    account = account_of(spec)
    shared = parties(spec)
    # Nobody else sees most functions.
    foreign = bodies.compact(answers.function(r, "")) if shared else b""
    own = bodies.compact(answers.function(r, account))
    ids = status["functionId"], status["versionId"]
    return Row(r.address, r.created, account, shared, *ids, own, foreign)


class Rows:
    """Rows that were made before, the oldest of them forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[Head, Row] = OrderedDict()

    def find(self, reader: Reader, lookup: Lookup) -> list[Row]:
        """The rows of functions by a lookup, in order of creation."""
        heads = reader.heads(FUNCTIONS, lookup)
        known = {h: found for h in heads if (found := self._known.get(h)) is not None}
        missing = [h for h in heads if h not in known]
        for r in self._read(reader, lookup, missing):
            if r.spec is not None and r.status:
                known[Head(r.address, r.revision)] = self._kept(r)
        return sorted(known.values(), key=lambda f: (f.created, f.address))

    @staticmethod
    def _read(reader: Reader, lookup: Lookup, missing: list[Head]) -> Iterable[Resource]:
        if len(missing) > _FEW:
            wanted = {h.address for h in missing}
            return [r for r in reader.find(FUNCTIONS, lookup) if r.address in wanted]
        return [r for h in missing if (r := reader.get(h.address)) is not None]

    def _kept(self, r: Resource) -> Row:
        made = self._known[Head(r.address, r.revision)] = row(r)
        while len(self._known) > MAX_ROWS:
            try:
                self._known.popitem(last=False)
            except KeyError:  # another thread was faster
                break
        return made
