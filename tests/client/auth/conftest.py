from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from d2l_brightspace.client.http.transport import Transport
from d2l_brightspace.client.limits import Limits

from .token_bench import TokenServer


@pytest.fixture
def server() -> Iterator[TokenServer]:
    with TokenServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join(timeout=10)


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport(Limits())
    yield made
    made.close()
