"""Files written whole: after a crash there is the old one or the new one."""

from __future__ import annotations

import os
import stat

from aicr.errors import InvalidRequest


def write_file(path: str, data: bytes, flag: str = "--output") -> None:
    """Write aside and rename, so that a crash leaves the old file or the new one.

    A device or pipe cannot be replaced and is written to. Raises InvalidRequest naming the flag
    that the path came from.
    """
    try:
        # /dev/stdout may well be a regular file, but it is somebody's open file.
        stream = os.path.abspath(path).startswith(("/dev/", "/proc/"))
        if stream or (os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode)):
            with open(path, "wb") as f:
                f.write(data)
            return
        _replace(os.path.realpath(path), data)
    except FileNotFoundError:
        parent = os.path.dirname(os.path.realpath(path))
        reason = f"there is no directory {parent}"
        raise InvalidRequest(f'cannot write output file "{path}": {reason} ({flag})') from None
    except (OSError, ValueError) as e:
        reason = getattr(e, "strerror", None) or str(e)
        raise InvalidRequest(f'cannot write output file "{path}": {reason} ({flag})') from None


def _replace(target: str, data: bytes) -> None:
    from tempfile import mkstemp  # not every command writes a file

    handle, staged = mkstemp(dir=os.path.dirname(target), prefix=".aicr-")
    try:
        with open(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.chmod(staged, _mode_of(target))
        os.replace(staged, target)
    except BaseException:
        os.unlink(staged)
        raise


def _mode_of(target: str) -> int:
    """The mode of the file that is replaced, or what a new file would get."""
    if os.path.exists(target):
        return stat.S_IMODE(os.stat(target).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
