"""Bounds: what a server can make this package hold is limited, and said when it is reached."""

from __future__ import annotations

from typing import Any

import pytest

from d2l_brightspace import ProtocolError
from tests.cases import together
from tests.hostile.arena import PREFIX, Arena
from tests.hostile.tenant import edited


@together(
    "Bounds",
    "clear error",
    "more fields that nobody documents than `limits.max_undeclared_fields`: the table is named",
    "the same in one class list: it is skipped, the others load",
)
def test_fields_without_end(arena: Arena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}LIMITS__MAX_UNDECLARED_FIELDS", "50")

    def add(rows: Any) -> None:
        for number, row in enumerate(rows):
            row.update({f"New{number}x{n}": "x" for n in range(20)})

    arena.fault("/users/$", edited(lambda body: add(body["Items"])))
    arena.fault("/102/classlist/", edited(lambda body: add(body["Objects"])))
    with pytest.raises(ProtocolError, match="more than 50 fields") as caught:
        arena.run("users", "classlist")
    (failure,) = caught.value.report.failures
    assert failure.table == "users"
    assert "users: ProtocolError: There are more than 50 fields" in str(caught.value.report)
    skipped = {(one["resource"], one["org_unit_id"]) for one in caught.value.report.skipped}
    assert skipped == {("users", 0), ("classlist", 102)}
    assert not [name for name in arena.columns("users") if name.startswith("new")]
    arena.observed = "clear error"
