"""A browser for `BROWSER`: opens an address, presses "Allow", and follows where that leads."""

from __future__ import annotations

import re
import sys
import urllib.request
from html import unescape
from urllib.parse import urlencode, urlsplit


def main() -> None:
    """Give consent on the page of the sandbox."""
    with urllib.request.urlopen(sys.argv[1]) as page:
        address, text = page.geturl(), page.read().decode()
    hidden = re.findall(r"type='hidden' name='([^']*)' value='([^']*)'", text)
    fields = {name: unescape(value) for name, value in hidden} | {"decision": "allow"}
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(address))
    form = urllib.request.Request(
        address, urlencode(fields).encode(), {"Origin": origin, "Referer": address}
    )
    with urllib.request.urlopen(form) as answer:
        answer.read()


if __name__ == "__main__":
    main()
