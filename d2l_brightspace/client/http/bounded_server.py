"""A small server on this machine, for the few callers it is meant for."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MOST_CONNECTIONS = 16
"""A new one above that ends the oldest: who holds connections open must not keep others out."""


class BoundedServer(ThreadingHTTPServer):
    """Answers in threads of their own, no more than `MOST_CONNECTIONS` at once."""

    daemon_threads = True
    request_queue_size = 128  # callers beyond the five of the standard library wait a second

    def __init__(self, place: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._places = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, None] = {}  # in the order of their arrival
        super().__init__(place, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer a new connection, in the place of the oldest where there are too many."""
        if not self._places.acquire(blocking=False):
            self._end_oldest()
            if not self._places.acquire(timeout=1):
                self.shutdown_request(request)
                return
        with self._lock:
            self._open[request] = None
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._forget(request)
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, and make room."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._forget(request)

    def _end_oldest(self) -> None:
        with self._lock:
            oldest = next(iter(self._open), None)
            if oldest is not None:
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread reads an end, and ends

    def _forget(self, request: socket.socket) -> None:
        with self._lock:
            del self._open[request]
        self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a caller that goes away is no concern of the user's."""
