"""A file as the body of a request, read from disk while it is sent.

`basic/fileupload`, "simple uploads": `multipart/form-data` with one file part. The frame around the
file is urllib3's, which knows how names are written; requests and toolbelt would either hold the
file in memory or allow the body to be sent only once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from urllib3.filepost import choose_boundary, encode_multipart_formdata

from d2l_brightspace.client.errors import ConfigurationError

_CHUNK_BYTES = 64 * 1024
"""One chunk must get through within `limits.connect_seconds`, on slow lines as well."""


def _nothing() -> None: ...


def _unseen(_sent: int) -> None: ...


class FileUpload:
    """A request body that can be sent again: each iteration starts at the beginning of the file.

    Args:
        path: The file.
        content_type: Media type of the file part.
        progress: Called with the bytes of this iteration that are on their way; may raise to stop.
        before_end: Called before the last bytes leave. Until it returns, the server cannot have
            received the whole request.
    """

    def __init__(
        self,
        path: Path,
        content_type: str,
        *,
        progress: Callable[[int], None] = _unseen,
        before_end: Callable[[], None] = _nothing,
    ) -> None:
        self._path = path
        self._file_size = path.stat().st_size
        boundary = choose_boundary()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        part = {"file": (path.name, b"", content_type)}
        frame, _ = encode_multipart_formdata(part, boundary)
        end = frame.rindex(b"\r\n--" + boundary.encode())
        self._head, self._tail = frame[:end], frame[end:]
        self._progress = progress
        self._before_end = before_end
        self.sent_whole = False
        """Whether the last bytes may have reached the server."""

    def __len__(self) -> int:
        return len(self._head) + self._file_size + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        self.sent_whole = False
        yield self._head
        sent = 0
        with self._path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                sent += len(chunk)
                if sent > self._file_size:
                    break
                yield chunk
                self._progress(sent)
        if sent != self._file_size:
            raise ConfigurationError(
                f"{self._path.name} changed while it was being sent, so it did not arrive; "
                "send it again when nothing writes to it any more."
            )
        self._before_end()
        self.sent_whole = True
        yield self._tail
