"""A Brightspace that costs nothing, in a process of its own: `python -m benchmarks.server`.

Not the sandbox, which checks what it is sent and would be what the benchmark measures. This one
looks at path and bookmark only, and writes bytes that are there already (`benchmarks.pages`) over
the transport of the tests (`tests.wire_server`); `make bench` proves that it is not the bottleneck
by reading it with a client that throws everything away.
"""

from __future__ import annotations

import argparse
import threading
import time
from dataclasses import fields

from tests.wire_server import Request, Server

from .credit_bucket import Bucket
from .pages import Pages, Size, body


class Brightspace:
    """Answers, and counts what it was asked."""

    def __init__(self, pages: Pages, bucket: Bucket) -> None:
        self._pages, self._bucket = pages, bucket
        self._times: list[float] = []
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> list[bytes]:
        """The whole answer to one request, in pieces."""
        target = request.target
        if target == "/requests":
            return _response(200, self._counted())
        self._times.append(time.monotonic())
        paid, headers = self._bucket.pay()
        if not paid:
            return _response(429, b"{}", headers)
        found = self._pages.answer(target)
        return _response(404, b"{}") if found is None else _response(200, found, headers)

    def _counted(self) -> bytes:
        """What came since the last time somebody asked."""
        with self._lock:
            times, self._times = self._times, []
        refused, self._bucket.refused = self._bucket.refused, 0
        span = times[-1] - times[0] if times else 0.0
        return body({"requests": len(times), "refused": refused, "seconds": span})


def _response(status: int, content: bytes, headers: str = "") -> list[bytes]:
    head = (
        f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n{headers}\r\n"
    )
    return [head.encode(), content]


def main() -> None:
    """Serve on a free port of loopback, which is printed, until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    for one in fields(Size):
        option = f"--{one.name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=one.default)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--credits", type=float, default=0)
    parser.add_argument("--refill", type=float, default=0)
    options = vars(parser.parse_args())
    bucket = Bucket(options.pop("credits"), options.pop("refill"))
    latency = options.pop("latency_ms") / 1000
    application = Brightspace(Pages(Size(**options)), bucket)
    with Server(application, latency=latency, keep=False) as server:
        print(server.port, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
