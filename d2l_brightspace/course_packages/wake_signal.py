"""What wakes those who wait for a job: Brightspace's call, or the wish to stop."""

from __future__ import annotations

import threading


class Stopped(Exception):
    """The user wants to stop; nothing that was begun is left in doubt."""


class WakeSignal:
    """Waits that can be cut short; shared by all threads of a run.

    `wake` and `stop` may be called from a signal handler: the lock is one that its own thread can
    take twice.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self.wakes = 0
        self.stopped = False

    def wake(self) -> None:
        """Let everybody look now."""
        with self._changed:
            self.wakes += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """End all waits, those to come as well."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()

    def wait(self, seconds: float, heard: int) -> None:
        """Wait until the time is over or somebody calls `wake`.

        Args:
            seconds: Longest wait.
            heard: `wakes` at the last look, so that a call in between is not missed.

        Raises:
            Stopped: If the user wants to stop.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or self.wakes != heard, seconds)
        self.check()

    def sleep(self, seconds: float) -> None:
        """Wait, whoever calls `wake`.

        Raises:
            Stopped: If the user wants to stop.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.stopped, seconds)
        self.check()

    def check(self) -> None:
        """Go on only if nobody wants to stop.

        Raises:
            Stopped: If the user wants to stop.
        """
        if self.stopped:
            raise Stopped
