"""Run a node in this process: from configuration to a clean stop.

Owns      the process: allocator, garbage collector, event loop, signals, the order of start and
          stop.
Stop      SIGTERM, SIGINT or SIGHUP: no new connections, requests in flight finish within `drain_s`,
          background work is cancelled, drives write what they must remember and are closed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Final

import uvloop

from atoll.admin.control import Started
from atoll.base.clock import SystemClock, SystemEntropy
from atoll.config.addresses import ListenAddress, render_url
from atoll.config.load import Configuration
from atoll.config.schema import Settings
from atoll.http.limits import HttpLimits
from atoll.http.listen import Address
from atoll.http.server import Server
from atoll.http.service import HttpService
from atoll.node.build import Node
from atoll.node.front import build_front, plan_listeners
from atoll.s3.front import make_render_error
from atoll.telemetry.access import AccessLog
from atoll.telemetry.logs import LogForm, configure_logging
from atoll.telemetry.sink import LineSink

_LOG: Final = logging.getLogger(__name__)

# mallopt parameters (malloc.h). Buffers of a stripe are reused from the heap instead of being
# mapped and unmapped for every stripe (erasure coding runs ten times slower otherwise); few arenas
# keep memory small.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_MMAP_THRESHOLD_BYTES: Final = 8 << 20
_TRIM_THRESHOLD_BYTES: Final = 32 << 20
_ARENAS_MAX: Final = 2

#: Objects allocated between two looks of the youngest generation. Requests make few cycles, so
#: that looking after every 700 would only cost time.
_GC_THRESHOLDS: Final = (20_000, 20, 100)

#: How long a drive's thread waits for the interpreter at most before it may write its batch.
_SWITCH_INTERVAL_S: Final = 0.0005


def serve(configuration: Configuration, announce: Callable[[Started], None]) -> None:
    """Serve until told to stop; `announce` is called once requests are answered.

    Raises
        ConfigError, StoreError, OSError, FormationError: the node cannot start.
    """
    _tune_process()
    settings = configuration.settings
    form = LogForm(settings.log_format)
    sink = LineSink(sys.stderr)
    configure_logging(sink, form, logging.getLevelNamesMapping()[settings.log_level.upper()])
    access = AccessLog(sink, form) if settings.access_log else None
    try:
        uvloop.run(_serve(configuration, announce, access))
    finally:
        sink.close()


def _tune_process() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
        libc.mallopt(_M_ARENA_MAX, _ARENAS_MAX)
    gc.set_threshold(*_GC_THRESHOLDS)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)


def _stop_signals() -> Iterator[signal.Signals]:
    yield from (signal.SIGTERM, signal.SIGINT)
    # The terminal was closed. Under nohup that is meant to change nothing.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        yield signal.SIGHUP


async def _serve(
    configuration: Configuration,
    announce: Callable[[Started], None],
    access: AccessLog | None,
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _stop_signals():
        loop.add_signal_handler(number, stop.set)
    settings = configuration.settings
    clock, entropy = SystemClock(), SystemEntropy()
    node = await Node.open(configuration, clock, entropy)
    async with asyncio.TaskGroup() as tasks:
        background = tasks.create_task(node.run())
        try:
            service = HttpService(
                handler=build_front(node),
                render_error=make_render_error(node.account),
                clock=clock,
                entropy=entropy,
                limits=HttpLimits(
                    connections_max=settings.connections_max,
                    requests_in_flight_max=settings.requests_max,
                ),
                observers=node.observers + ((access.observe,) if access is not None else ()),
            )
            server = await Server.open(plan_listeners(settings), service, tasks=tasks)
            node.watch_load(server.load)
            gc.freeze()
            announce(_started(node, server))
            await stop.wait()
            _LOG.info("stopping")
            await server.close(settings.drain_s)
        finally:
            await node.close()
            background.cancel()


def _listened(address: Address, settings: Settings) -> ListenAddress:
    """Return an address as it was configured, with the port that was bound."""
    # A socket for all addresses says that it is bound to those of IPv6, and takes IPv4 as well.
    is_all = address.host == "::" and any(not one.host for one in settings.listen)
    return ListenAddress("" if is_all else address.host, address.port)


def _started(node: Node, server: Server) -> Started:
    settings = node.configuration.settings
    is_tls = settings.tls_cert is not None
    path = node.credentials.path
    return Started(
        version=version("atoll"),
        endpoints=tuple(
            render_url(_listened(address, settings), is_tls=is_tls) for address in server.addresses
        ),
        region=settings.region,
        credentials_path=None if path is None else str(path),
        drives=len(node.roster.drives),
        warnings=tuple(node.warnings),
    )
