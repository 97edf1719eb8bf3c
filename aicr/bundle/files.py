"""A file of a bundle, while it is only in memory."""

from __future__ import annotations

from typing import NamedTuple

# What a checkout of a bundle has of its own; neither ours to replace nor part of the bundle.
REPOSITORY = ".git"
# The address of an OCI image layout, and the type of the artifact in it.
LAYOUT = "oci-layout:"
ARTIFACT = "application/vnd.nvidia.aicr.artifact"
FILE_MODE, PROGRAM_MODE, DIRECTORY_MODE = 0o644, 0o755, 0o755


class BundleFile(NamedTuple):
    """Path relative to the bundle, and content."""

    path: str
    data: bytes

    @property
    def mode(self) -> int:
        """The mode of a file follows from its content, so that it can be verified."""
        return mode_of(self.data)


def mode_of(data: bytes) -> int:
    """Programs, and only programs, can be executed: what starts by naming its interpreter."""
    return PROGRAM_MODE if data.startswith(b"#!") else FILE_MODE


def text(path: str, content: str) -> BundleFile:
    return BundleFile(path, content.encode())
