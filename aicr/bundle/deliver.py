"""Where a finished bundle goes: a directory, an archive, an OCI layout or a registry."""

from __future__ import annotations

import re
from collections.abc import Sequence
from shlex import quote
from typing import NamedTuple

from aicr.atomic import write_file
from aicr.bundle import oci, push
from aicr.bundle.archive import TAR, ZIP
from aicr.bundle.files import LAYOUT, BundleFile
from aicr.bundle.write import write, write_layout
from aicr.errors import InvalidRequest

_SCHEME = re.compile(r"[A-Za-z][-+.A-Za-z0-9]*:")
# Endings of archives that are not written; whoever names one does not mean a directory.
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".xz", ".bz2", ".zst")


class Delivery(NamedTuple):
    """A destination: the --output of `aicr bundle`, and how it is reached."""

    target: str
    force: bool = False  # replace a directory that holds something else
    plain_http: bool = False
    insecure_tls: bool = False
    image_refs: str = ""  # a file for the reference of what was pushed

    @property
    def remote(self) -> bool:
        return self.target.startswith(push.SCHEME)


def check(to: Delivery) -> None:
    """Before any work: is there such a destination, and is every option for it?

    Raises InvalidRequest.
    """
    if to.remote:
        push.reference(to.target)
        given = {"--force": to.force}
    else:
        given = {
            "--plain-http": to.plain_http,
            "--insecure-tls": to.insecure_tls,
            "--image-refs": bool(to.image_refs),
        }
    for flag in (flag for flag, is_given in given.items() if is_given):
        is_remote = "an" if to.remote else "no"
        words = f"--output {to.target} is {is_remote} {push.SCHEME} address"
        raise InvalidRequest(f"{flag} has no effect: {words}")
    if _is_odd(to.target):
        words = f"a directory, .zip, .tar.gz, {LAYOUT}DIR or {push.SCHEME}HOST/REPOSITORY[:TAG]"
        raise InvalidRequest(f"--output {to.target} is none of what can be written: {words}")
    if to.target == LAYOUT:
        raise InvalidRequest(f"--output {to.target} names no directory: {LAYOUT}DIR")


def _is_odd(target: str) -> bool:
    """Whether somebody means something else by it than a directory of that name."""
    if target.startswith((LAYOUT, push.SCHEME)) or target.endswith((ZIP, *TAR)):
        return False
    return target == "-" or bool(_SCHEME.match(target)) or target.lower().endswith(_ARCHIVES)


def unpacked(to: Delivery, pinned: str) -> tuple[list[str], str]:
    """The commands that make a directory of what was delivered, and that directory."""
    if to.remote:
        return [f"oras pull {pinned}", _untar(oci.FILE, "bundle")], "bundle"
    if to.target.startswith(LAYOUT):
        pull = f"oras pull --oci-layout {quote(f'{to.target.removeprefix(LAYOUT)}@{pinned}')}"
        return [pull, _untar(oci.FILE, "bundle")], "bundle"
    if to.target.endswith(ZIP):
        directory = to.target.removesuffix(ZIP)
        return [f"unzip -d {quote(directory)} {quote(to.target)}"], directory
    for suffix in TAR:
        if to.target.endswith(suffix):
            directory = to.target.removesuffix(suffix)
            return [_untar(to.target, directory)], directory
    return [], to.target


def _untar(archive: str, directory: str) -> str:
    return f"mkdir {quote(directory)} && tar -xzf {quote(archive)} -C {quote(directory)}"


def deliver(files: Sequence[BundleFile], to: Delivery) -> str:
    """Bring the files there; returns the reference that pins an artifact, '' for files on disk.

    Raises InvalidRequest, Unauthorized or Unavailable; then nothing is half there. Only the file
    for the reference comes after the push, which it names.
    """
    if to.remote:
        reference, made = push.reference(to.target), oci.artifact(files)
        push.push(made, reference, plain_http=to.plain_http, insecure_tls=to.insecure_tls)
        pinned = f"{reference.name}@{made.digest}"
        if to.image_refs:
            write_file(to.image_refs, f"{pinned}\n".encode(), "--image-refs")
        return pinned
    if to.target.startswith(LAYOUT):
        made = oci.artifact(files)
        write_layout(oci.layout(made), to.target.removeprefix(LAYOUT), force=to.force)
        return made.digest
    write(files, to.target, force=to.force)
    return ""
