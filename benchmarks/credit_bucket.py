"""The credit bucket of the benchmark's Brightspace."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Bucket:
    """Pays for calls; capacity 0 switches it off."""

    capacity: float = 0
    refill: float = 0
    cost: float = 10
    level: float = field(init=False)
    seen: float = field(init=False)
    refused: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.level, self.seen = self.capacity, time.monotonic()

    def pay(self) -> tuple[bool, str]:
        """Whether a call can be paid, and the headers that say what is left."""
        if not self.capacity:
            return True, ""
        with self._lock:
            return self._pay()

    def _pay(self) -> tuple[bool, str]:
        now = time.monotonic()
        self.level = min(self.capacity, self.level + (now - self.seen) * self.refill)
        self.seen = now
        if self.level < self.cost:
            self.refused += 1
            wait = math.ceil((self.cost - self.level) / self.refill)
            return False, f"Retry-After: {wait}\r\n"
        self.level -= self.cost
        reset = math.ceil((self.capacity - self.level) / self.refill)
        return True, (
            f"X-Rate-Limit-Remaining: {int(self.level)}\r\nX-Request-Cost: {int(self.cost)}\r\n"
            f"X-Rate-Limit-Reset: {reset}\r\n"
        )
