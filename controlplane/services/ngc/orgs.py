"""Orgs: what clients of the hosted service call accounts. Whoever names another org than that of
its own account is refused."""

from __future__ import annotations

from typing import NamedTuple

from falcon.asgi import Request

from controlplane.access import guard
from controlplane.access.bootstrap import ACCOUNT
from controlplane.access.credentials import Caller, Credentials
from controlplane.access.registry import NVCF, NVCT
from controlplane.access.scopes import API_KEY, HOSTED
from controlplane.http.problems import Refused


class Orgs(NamedTuple):
    """Knows callers and their orgs. `first` is what the first account is called; others, and it
    without that, are called by their ids."""

    credentials: Credentials
    first: str = ""
    # The service that keys must be for.
    namespace: str = NVCF

    @property
    def of_tasks(self) -> Orgs:
        """The same where keys are for tasks."""
        return self._replace(namespace=NVCT)

    def of(self, account: str) -> str:
        """The name of an account as an org."""
        return self.first if self.first and account == ACCOUNT else account

    async def known(self, bearer: str) -> Caller:
        """Whoever bears a credential of an account, of functions or of tasks. Raises Refused."""
        try:
            caller = await self.credentials.caller(bearer, NVCF)
        except Refused as refused:
            if refused.status != 403:  # else a key that has nothing to do with functions
                raise
            caller = await self.credentials.caller(bearer, NVCT)
        return _of_account(caller)

    async def member(self, req: Request, org: str) -> Caller:
        """Whoever asks, of this org. Raises Refused: 401, 403, 404."""
        found = await self.credentials.caller(guard.bearer(req), self.namespace)
        caller = _of_account(found)
        self.check(caller, org)
        return caller

    def check(self, caller: Caller, org: str) -> None:
        """Raises Refused 403 for another org than the caller's."""
        if self.of(caller.account) != org:
            raise Refused(403, guard.DENIED)


def _of_account(caller: Caller) -> Caller:
    guard.check_account(caller)
    if not caller.account:  # the credential of this host's commands
        raise Refused(403, guard.DENIED)
    return caller


class Gateway:
    """Callers as the hosted service takes them: keys count there for what elsewhere wants a token,
    since its clients have nothing else; as far as their scopes say so."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    async def caller(self, bearer: str, namespace: str = NVCF) -> Caller:
        found = await self._credentials.caller(bearer, namespace)
        return found._replace(kind=HOSTED) if found.kind == API_KEY else found
