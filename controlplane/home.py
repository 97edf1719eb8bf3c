"""AICR_HOME: where a local server keeps its state, its keys and its own credential.

    state.db          the state, unless --state says where it is (with SQLite's files beside it, one
                      in which writers take turns, and the queue of AICR_QUEUE=state)
    keys/ring.json    keys that secrets are encrypted with
    keys/lock         held by who changes them
    admin.token       the bearer of the commands on this host
    assets/           the bytes of assets, by their ids
    run/              what lives as long as its processes: the runner's socket, results of requests
    results/          what tasks upload, unless AICR_RESULTS says otherwise

Directories have mode 0700 and files 0600, whatever the umask.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aicr.errors import InvalidRequest
from controlplane.vault import Key, Vault, new_key, ring_of, ring_text

VARIABLE = "AICR_HOME"
# Where the state is when it is not there: for commands, and for the server.
STATE_VARIABLE = "AICR_STATE"
# Which states a command may make: what is named may be misspelt, and an empty state in its place
# would be shown as one in which all is well.
NOTHING, DEFAULT, ANY = "nothing", "default", "any"
STATE, RING, TOKEN, ASSETS = "state.db", "keys/ring.json", "admin.token", "assets"
RESULTS = "results"
_RING_LOCK = "keys/lock"
_TOKEN_BYTES = 32


class Home:
    """A directory of one user; made when something is first put there."""

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)

    @property
    def state(self) -> str:
        """Where the state is when nobody says otherwise."""
        return self._in(STATE)

    @property
    def results(self) -> str:
        """The directory of what tasks upload."""
        return self._in(RESULTS)

    @property
    def assets(self) -> str:
        """The directory of the bytes of assets."""
        return self._in(ASSETS)

    @property
    def ring(self) -> str:
        return self._in(RING)

    @property
    def socket(self) -> str:
        """Where the runner of this home listens."""
        return self._in("run/runner.sock")

    @property
    def held(self) -> str:
        """Where results of requests wait for their poll."""
        return self._in("run/results")

    def make(self) -> None:
        """Make the directory. Raises InvalidRequest."""
        self._directory(self.path)

    @property
    def has_ring(self) -> bool:
        return os.path.exists(self.ring)

    @contextmanager
    def rotating(self) -> Iterator[None]:
        """Alone with the ring: of two that add a key at once each would write the ring without the
        key of the other, and what that one encrypted would be lost."""
        path = self._in(_RING_LOCK)
        self._directory(os.path.dirname(path))
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as e:
            raise InvalidRequest(f"{path}: {e.strerror} ({VARIABLE})") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def vault(self) -> Vault:
        """The vault under the key ring of this home, which is made when there is none."""
        return Vault(self._ring(), self._ring)

    def _ring(self) -> tuple[Key, ...]:
        text = self._once(RING, lambda: ring_text((new_key(),)))
        return ring_of(text.encode(), self.ring)

    def put_new_key(self) -> None:
        """Put a new key first in the ring; the others stay, since they open what is there. Only
        while `rotating`."""
        self.replace(RING, ring_text((new_key(), *self._ring())))

    def token(self) -> str:
        """The credential of the commands on this host, made when there is none."""
        return self._once(
            TOKEN, lambda: f"aicr-admin-{secrets.token_urlsafe(_TOKEN_BYTES)}\n"
        ).strip()

    def known_token(self) -> str:
        """The credential, or nothing when no server ever ran from this home."""
        try:
            with open(self._in(TOKEN), encoding="ascii") as f:
                return f.read().strip()
        except (OSError, ValueError):
            return ""

    def replace(self, name: str, text: str) -> None:
        """Put a private file in place of another, whole."""
        staged = self._staged(name, text)
        os.replace(staged, self._in(name))
        _sync(os.path.dirname(self._in(name)))

    def _once(self, name: str, make: Callable[[], str]) -> str:
        """The text of a private file. Of several processes that make it, one wins."""
        path = self._in(name)
        try:
            if not os.path.exists(path):
                self._link(self._staged(name, make()), path)
            with open(path, encoding="utf-8") as f:
                return f.read()
        except OSError as e:
            raise InvalidRequest(f"{path}: {e.strerror} ({VARIABLE})") from None

    def _link(self, staged: str, path: str) -> None:
        try:
            os.link(staged, path)  # fails where a rename would replace what another one made
            _sync(os.path.dirname(path))
        except FileExistsError:
            pass
        finally:
            os.unlink(staged)

    def _staged(self, name: str, text: str) -> str:
        path = self._in(name)
        self._directory(os.path.dirname(path))
        staged = f"{path}.{secrets.token_hex(8)}"
        handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "w", encoding="utf-8") as f:
            os.fchmod(f.fileno(), 0o600)
            f.write(text)
            f.flush()
            os.fsync(f.fileno())
        return staged

    def _directory(self, path: str) -> None:
        try:
            missing = not os.path.isdir(path)
            os.makedirs(path, mode=0o700, exist_ok=True)
            if missing:
                os.chmod(path, 0o700)
        except OSError as e:
            raise InvalidRequest(f"{path}: {e.strerror} ({VARIABLE})") from None

    def _in(self, name: str) -> str:
        return os.path.join(self.path, name)


def _sync(directory: str) -> None:
    """Make names durable: a key that is gone after a power cut takes with it what it encrypted."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def home() -> Home:
    """$AICR_HOME, or ~/.aicr."""
    return Home(os.environ.get(VARIABLE) or os.path.join(os.path.expanduser("~"), ".aicr"))
