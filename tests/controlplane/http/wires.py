"""What stands for a connection."""

from __future__ import annotations

from typing import Any


class Wire:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = False

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """It is not read by anybody."""

    def resume_reading(self) -> None:
        """It is not read by anybody."""

    def get_extra_info(self, name: str) -> Any:
        return ("127.0.0.1", 1) if name in ("peername", "sockname") else None
