"""What is relied on about dlt's telemetry; a failure here means that dlt has changed it."""

from __future__ import annotations

import os

import dlt
import pytest

from d2l_brightspace.dlt_compat import telemetry

RELIED_ON = "dlt no longer does what d2l_brightspace.dlt_compat.telemetry relies on: "


def test_telemetry_that_has_started_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    from dlt.common.runtime import anon_tracker

    monkeypatch.setattr(telemetry, "_SETTING", "runtime.nobody_sets_this")
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "true")
    monkeypatch.setattr(anon_tracker, "_ANON_TRACKER_ENDPOINT", "http://127.0.0.1:9/")
    monkeypatch.setattr("dlt.common.runtime.telemetry._TELEMETRY_STARTED", True)
    telemetry.off_unless_wanted()
    assert os.environ["RUNTIME__DLTHUB_TELEMETRY"] == "false"
    assert anon_tracker._ANON_TRACKER_ENDPOINT is None, RELIED_ON + "`stop_telemetry` stops it"


def test_a_setting_of_the_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME__DLTHUB_TELEMETRY", "true")
    assert dlt.config.get("runtime.dlthub_telemetry", bool) is True
    telemetry.off_unless_wanted()
    assert os.environ["RUNTIME__DLTHUB_TELEMETRY"] == "true"
