"""Commands typed at a terminal: a program on a pseudo-terminal, and what is typed into it."""

from __future__ import annotations

import os
import pty
import select
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_LONGEST_SILENCE = 60.0


class SilentProgram(Exception):
    """A program that neither asks what it should nor ends."""


def typed(
    command: Sequence[str | Path],
    answers: Sequence[tuple[str, str]] = (),
    *,
    folder: Path,
    environment: Mapping[str, str],
) -> tuple[int, str]:
    """Run a program at a terminal.

    Args:
        command: What is typed into the shell.
        answers: Words that the program asks with, and what is typed then, in this order.
        folder: Where.
        environment: All of it.

    Returns:
        Its exit code, and all that the terminal showed.
    """
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [*map(str, command)],
        cwd=folder,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "160"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, seen = "", 0
    waiting = list(answers)
    try:
        while True:
            if waiting and waiting[0][0] in shown[seen:]:
                question, answer = waiting.pop(0)
                seen = shown.index(question, seen) + len(question)
                os.write(ours, f"{answer}\n".encode())
            if not select.select([ours], [], [], _LONGEST_SILENCE)[0]:
                child.kill()
                child.wait()
                raise SilentProgram(f"waits for {waiting[:1]} after:\n{shown}")
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how Linux tells the end
                break
            if not piece:
                break
            shown += piece.decode(errors="replace").replace("\r\n", "\n")
    finally:
        os.close(ours)
    return child.wait(), shown
