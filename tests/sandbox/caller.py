"""A client for the tests: it knows the ready-made token, and nothing of our own client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from d2l_brightspace.sandbox import Sandbox


class Api:
    """Calls a sandbox with its ready-made bearer token, over one connection."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._session = requests.Session()
        self._token = sandbox.credentials["bearer"]["token"]

    def get(self, path: str, token: str | None = None, **query: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {token or self._token}"}
        return self._session.get(self.url(path), params=query, headers=headers, timeout=5)

    def json(self, path: str, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def anonymous(self, path: str, method: str = "GET", **more: Any) -> requests.Response:
        return self._session.request(method, self.url(path), timeout=5, **more)

    def pages(self, path: str, **query: Any) -> list[Any]:
        """Walk a PagedResultSet by its bookmarks."""
        found = [self.json(path, **query)]
        while found[-1]["PagingInfo"]["HasMoreItems"]:
            bookmark = found[-1]["PagingInfo"]["Bookmark"]
            found.append(self.json(path, **{**query, "bookmark": bookmark}))
        return found

    def items(self, path: str, **query: Any) -> list[Any]:
        return [item for page in self.pages(path, **query) for item in page["Items"]]

    def url(self, path: str) -> str:
        return f"{self.sandbox.url}/d2l/api/{path}" if "://" not in path else path

    def close(self) -> None:
        self._session.close()


Serve = Callable[..., Api]  # starts a sandbox of the test's own, with the given settings
