"""Wire the front ends: one gate, S3 and the admin API behind one HTTP handler."""

from __future__ import annotations

from pathlib import Path

from atoll.admin.api import AdminApi
from atoll.admin.front import Front
from atoll.admin.gate import Admitted
from atoll.admin.health import Health
from atoll.base.clock import Clock
from atoll.base.errors import Invalid
from atoll.config.schema import Settings
from atoll.http.listen import Address
from atoll.http.messages import Request
from atoll.http.server import Listener
from atoll.http.tls import TlsFiles
from atoll.node.build import Node
from atoll.node.control import NodeControl
from atoll.s3.body import open_body
from atoll.s3.call import Service
from atoll.s3.errors import S3Error
from atoll.s3.front import FrontEnd, FrontSettings
from atoll.s3.gate import Gate, RootLookup
from atoll.s3.protocol.model import load_service_model
from atoll.s3.registry import load_actions


class AdminGate:
    """The one gate, as the admin API asks it."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate = gate
        self._clock = clock

    async def admit(self, request: Request, action: str) -> Admitted:
        """Return the caller of an admin request. Raises Denied, Invalid."""
        has_body = request.body.length_bytes != 0
        try:
            found = self._gate.authenticate(request, self._clock.time_ns())
            self._gate.authorise(found.principal, action, None, None)
            body = open_body(request, found, has_checksums=False) if has_body else None
        except S3Error as error:
            # Codes of S3 mean nothing here; what is left of them is the sentence.
            raise Invalid(error.message) from error
        return Admitted(found.principal.access_key, body)


def build_front(node: Node) -> Front:
    """Return the handler of all requests to `node`."""
    settings, account, clock = node.configuration.settings, node.account, node.clock
    control = NodeControl(node)
    gate = Gate(
        RootLookup(node.credentials, account=account, display_name="root"),
        region=settings.region,
        root_account=account,
        base_domains=settings.domains,
    )
    actions = load_actions()
    front_end = FrontEnd(
        service=Service(
            store=node.objects, clock=clock, region=settings.region, authorise=gate.authorise
        ),
        gate=gate,
        model=load_service_model(frozenset(actions)),
        actions=actions,
        settings=FrontSettings(base_domains=settings.domains, host_id=account),
    )
    return Front(
        admin=AdminApi(control=control, gate=AdminGate(gate, clock)),
        health=Health(vitals=control, metrics_token=settings.metrics_token),
        s3=front_end.handle,
        domains=settings.domains,
    )


def plan_listeners(settings: Settings) -> list[Listener]:
    """Return the listeners of the configured addresses."""
    tls = None
    if settings.tls_cert is not None and settings.tls_key is not None:
        tls = TlsFiles(cert=Path(settings.tls_cert), key=Path(settings.tls_key))
    return [Listener(Address(one.host, one.port), tls) for one in settings.listen]
