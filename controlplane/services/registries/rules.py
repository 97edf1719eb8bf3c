"""The rules of registry credentials that need no state (contract 8.1). A rule answers what is wrong
in words, or nothing."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from typing import NamedTuple

from controlplane.access import apikeys
from controlplane.registries import TYPES, is_ngc

MAX_DESCRIPTION = 256
MAX_TAGS, MAX_TAG = 64, 128
NGC_USER = "$oauthtoken"
LEGACY = "LEGACY"
_LABEL = r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})+", re.IGNORECASE)
_TAG = re.compile(rf"[-a-zA-Z0-9_:=]{{1,{MAX_TAG}}}")
_NAME = re.compile(r"[a-z0-9A-Z][a-z0-9A-Z_.-]{0,47}")


def hostname(value: str) -> str:
    fits = 4 <= len(value) <= 253 and _HOSTNAME.fullmatch(value)
    return "" if fits else "must be a hostname with at least one dot"


def secret_name(value: str) -> str:
    return "" if _NAME.fullmatch(value) else "must be 1 to 48 letters, digits, _, . or -"


def types(values: Iterable[str]) -> str:
    listed = list(values)
    known = not [v for v in listed if v not in TYPES]
    return "" if listed and known else f"must be some of {', '.join(TYPES)}"


def description(value: str) -> str:
    fits = len(value) <= MAX_DESCRIPTION
    return "" if fits else f"must have at most {MAX_DESCRIPTION} characters"


def tags(values: Iterable[str]) -> str:
    listed = list(values)
    fits = len(listed) <= MAX_TAGS and all(_TAG.fullmatch(tag) for tag in listed)
    return "" if fits else f"must be at most {MAX_TAGS} tags of letters, digits, -, _, : or ="


class Login(NamedTuple):
    user: str
    password: str


def login(value: str) -> Login | None:
    """The user and the password of a secret, which is base64 of user:password."""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    user, colon, password = text.partition(":")
    fits = colon and ":" not in password and user.strip() and password.strip()
    return Login(user, password) if fits else None


def secret(host: str, value: str) -> str:
    """What is wrong with a secret for a host; nothing of it is said."""
    found = login(value)
    if found is None:
        return "must be base64 of user:password"
    if is_ngc(host) and found.user != NGC_USER:
        return f"the user must be {NGC_USER} for {host}"
    return ""


def key_type(host: str, value: str) -> str | None:
    """LEGACY for a key of NGC in its old form."""
    found = login(value)
    old = is_ngc(host) and found is not None and not found.password.startswith(apikeys.FAMILY)
    return LEGACY if old else None
