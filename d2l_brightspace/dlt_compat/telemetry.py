"""What dlt tells its makers about each run."""

from __future__ import annotations

import os

import dlt
from dlt.common.runtime.telemetry import stop_telemetry

_SETTING = "runtime.dlthub_telemetry"
_VARIABLE = "RUNTIME__DLTHUB_TELEMETRY"


def off_unless_wanted() -> None:
    """Switch dlt's telemetry off in this process, unless a setting of the user says what is wanted.

    Relies on the variable being read when telemetry starts; looking for the setting has started it
    already, so it is stopped before it sends anything.
    """
    if dlt.config.get(_SETTING) is None:
        os.environ[_VARIABLE] = "false"
        stop_telemetry()
