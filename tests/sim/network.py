"""The network of a simulated cluster: delay, loss, duplicates, reordering, one-way partitions.

Owns      when a message arrives, if at all. Every draw comes from the world's one random source.
Gates     a script may hold messages and let them go later, in the order it wants.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import msgspec

Deliver = Callable[[], None]


class Message(msgspec.Struct, frozen=True):
    """What a gate sees of a message. `is_answer`: on its way back."""

    source: str
    target: str
    verb: str
    request: object
    is_answer: bool


class Weather(msgspec.Struct, kw_only=True):
    """How bad the network is. Rates are per message."""

    loss: float = 0.0
    duplicates: float = 0.0
    delay_s: float = 0.002
    #: A duplicate comes this much later at most; most come soon.
    straggle_s: float = 0.0


class Gate:
    """Holds the messages that `wants` picks, until they are released."""

    def __init__(self, network: Network, wants: Callable[[Message], bool]) -> None:
        self._network = network
        self._wants = wants
        self.held: list[tuple[Message, Deliver]] = []
        self.is_open = False

    def takes(self, message: Message, deliver: Deliver) -> bool:
        """Hold a message, if it is one of ours."""
        if self.is_open or not self._wants(message):
            return False
        self.held.append((message, deliver))
        return True

    def release(self, wants: Callable[[Message], bool] = lambda message: True) -> int:
        """Deliver what is held, in order, and return how many; later messages are held still."""
        kept: list[tuple[Message, Deliver]] = []
        released = 0
        for message, deliver in self.held:
            if wants(message):
                self._network.deliver_soon(deliver)
                released += 1
            else:
                kept.append((message, deliver))
        self.held = kept
        return released

    def open(self) -> None:
        """Deliver what is held and hold nothing any more."""
        self.is_open = True
        self.release()

    def drop(self) -> None:
        """Lose what is held."""
        self.held.clear()


class Network:
    """Carries messages between named ends."""

    def __init__(self, loop: asyncio.AbstractEventLoop, rng: random.Random) -> None:
        self._loop = loop
        self._random = rng
        self.weather = Weather()
        #: Directed pairs that lose everything.
        self.cut: set[tuple[str, str]] = set()
        #: Ends whose messages take longer, by this factor.
        self.slow: dict[str, float] = {}
        self.gates: list[Gate] = []
        self.sent_count = 0
        self.seen: Counter[str] = Counter()

    def gate(self, wants: Callable[[Message], bool]) -> Gate:
        """Hold messages from now on."""
        gate = Gate(self, wants)
        self.gates.append(gate)
        return gate

    def send(self, message: Message, deliver: Deliver) -> bool:
        """Carry a message; False: it is lost, and nobody knows."""
        self.sent_count += 1
        if self.gates and any(gate.takes(message, deliver) for gate in self.gates):
            return True
        draw, weather = self._random.random, self.weather
        kind = "answer" if message.is_answer else "request"
        if self.cut and (message.source, message.target) in self.cut:
            self.seen[f"{kind} cut off"] += 1
            return False
        if weather.loss and draw() < weather.loss:
            self.seen[f"{kind} lost"] += 1
            return False
        factor = self.slow.get(message.source, 1.0) * self.slow.get(message.target, 1.0)
        delay_s = weather.delay_s * factor
        self._loop.call_later(delay_s * (0.2 - 0.8 * _log(draw())), deliver)
        if weather.duplicates and not message.is_answer and draw() < weather.duplicates:
            late_s = delay_s * 10 if draw() < 0.7 else weather.straggle_s
            self.seen["request doubled"] += 1
            self.seen["request doubled much later"] += late_s > 10.0
            self._loop.call_later(late_s * draw(), deliver)
        return True

    def deliver_soon(self, deliver: Deliver) -> None:
        """Deliver in the next turn of the loop."""
        self._loop.call_soon(deliver)


def _log(drawn: float) -> float:
    """Return a cheap negative number that is exponential enough: most delays short, few long."""
    return -(1.0 / (1.0 - 0.98 * drawn) - 1.0) / 4.0
