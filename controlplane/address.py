"""Addresses: the one name of a resource, in documents, plans, messages and the store."""

from __future__ import annotations

import re
from typing import NamedTuple

from aicr.errors import InvalidRequest

_WORD = r"[a-z][A-Za-z0-9]*"
# What APIs use for names and ids: client ids, accounts, UUIDs.
_NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9._:@]{0,254}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_WORD})\.({_WORD})\.({_NAME})\Z")
NAME_PATTERN = rf"^{_NAME}$"


class Address(NamedTuple):
    """`nvcf.functions.echo`: a service, a collection of it, and a name in that collection."""

    service: str
    collection: str
    name: str

    @property
    def kind(self) -> str:
        return f"{self.service}.{self.collection}"

    def __str__(self) -> str:
        return f"{self.service}.{self.collection}.{self.name}"


def parse(text: str) -> Address:
    """Raises InvalidRequest for what is no address."""
    found = _ADDRESS.match(text)
    if found is None:
        raise InvalidRequest(
            f"{text!r} is no address: write service.collection.name, as nvcf.functions.echo"
        )
    return Address(*found.groups())
