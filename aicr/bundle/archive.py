"""Deterministic archives: the same files are the same bytes, whenever and wherever."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence

from aicr.bundle.files import DIRECTORY_MODE, BundleFile

ZIP, TAR = ".zip", (".tar.gz", ".tgz")
# Every archive entry has the time that zip can first express: outputs do not know the clock.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def zip_bytes(files: Sequence[BundleFile]) -> bytes:
    """A zip archive: sorted, with directory entries, fixed times and Unix modes."""
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, file in entries(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, so that modes count
            mode = DIRECTORY_MODE | 0o40000 if file is None else file.mode | 0o100000
            info.external_attr = mode << 16 | (0x10 if file is None else 0)
            info.compress_type = zipfile.ZIP_STORED if file is None else zipfile.ZIP_DEFLATED
            archive.writestr(info, b"" if file is None else file.data)
    return buffer.getvalue()


def tar_bytes(files: Sequence[BundleFile]) -> bytes:
    """A gzipped tar archive: sorted, fixed times, owners and modes."""
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, file in entries(files):
            info = tarfile.TarInfo(name.rstrip("/"))
            if file is None:
                info.type, info.mode = tarfile.DIRTYPE, DIRECTORY_MODE
                archive.addfile(info)
            else:
                info.size, info.mode = len(file.data), file.mode
                archive.addfile(info, io.BytesIO(file.data))
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: a gzip header without name and time
    return packer.compress(buffer.getvalue()) + packer.flush()


def entries(files: Sequence[BundleFile]) -> list[tuple[str, BundleFile | None]]:
    """Files and the directories above them (with a trailing slash), sorted by name."""
    entries: dict[str, BundleFile | None] = {}
    for file in files:
        parts = file.path.split("/")[:-1]
        entries |= {"/".join(parts[: i + 1]) + "/": None for i in range(len(parts))}
        entries[file.path] = file
    return sorted(entries.items())
