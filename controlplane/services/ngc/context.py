"""What the routes of this service work with."""

from __future__ import annotations

from typing import NamedTuple

from controlplane.access.credentials import Credentials
from controlplane.engine import Engine
from controlplane.services.ngc.orgs import Gateway, Orgs
from controlplane.services.sis.routes import Operator


class Context(NamedTuple):
    engine: Engine
    credentials: Credentials
    gateway: Gateway
    orgs: Orgs
    operator: Operator
