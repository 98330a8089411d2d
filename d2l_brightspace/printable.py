"""Foreign text made fit for a terminal: it shows what it says, and steers nothing.

Names, messages and statuses of Brightspace are written by anybody who may name a course or a file.
Raw on a terminal, control characters set titles, clear the screen and colour forged lines
(ECMA-48), and bidirectional controls reorder what is read (Unicode Standard Annex 9, 2.1 to 2.4).
"""

from __future__ import annotations

from unicodedata import category

REPLACEMENT = "\ufffd"
LONGEST = 300


def printable(text: object, longest: int = LONGEST) -> str:
    """A piece of foreign text as one line without control characters.

    Args:
        text: What somebody else wrote.
        longest: Most characters of it that are shown.

    Returns:
        The text; a replacement character stands for each character that steers or is not seen.
    """
    # cut first, so that a text of megabytes costs no more than a short one
    line = str(text)[: longest + 1]
    shown = line if line.isprintable() else "".join(map(_visible, line))
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def printable_lines(text: object) -> str:
    """A message of our own, which may have several lines, with foreign text somewhere in it."""
    lines = str(text).split("\n")
    return "\n".join(printable(line, len(line)) for line in lines)


def _visible(letter: str) -> str:
    if letter.isprintable():
        return letter
    # wide and unbreakable blanks and tabs do no harm
    return " " if letter == "\t" or category(letter) == "Zs" else REPLACEMENT
