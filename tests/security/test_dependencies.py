"""What is installed with this package: versions, ceilings, audit, and what it is packed into."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import dlt
import pytest
from packaging.requirements import Requirement

from d2l_brightspace import IdKeyAuth, d2l_brightspace_source, run
from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests import ROOT
from tests.cases import case, together

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FLOORS = {
    "filelock": "3.20.3",
    "urllib3": "2.7",
    "starlette": "0.49.1",
    "cryptography": "46.0.7",
    "pyjwt": "2.12",
    "idna": "3.7",
    "python-multipart": "0.0.26",
}
"""First releases without the known vulnerabilities that matter here."""
PYPI = ("https://pypi.org/simple", "https://files.pythonhosted.org/packages/")


def needed() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    return [Requirement(one) for group in (project["dependencies"], *extras) for one in group]


@case("Dependencies", "versions with known vulnerabilities: not installed", "safe")
def test_floors() -> None:
    for name, floor in FLOORS.items():
        found = [one for one in needed() if one.name == name]
        assert found, name
        for one in found:
            lower = [part.version for part in one.specifier if part.operator == ">="]
            assert lower == [floor], one


@case("Dependencies", "the lock file: PyPI only, with a hash for each file", "safe")
def test_lock_file() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    packages = {one["name"]: one for one in lock["package"]}
    ours = packages.pop("d2l-brightspace")
    for one in packages.values():
        assert one["source"] == {"registry": PYPI[0]}, one["name"]
        for file in [*one.get("wheels", ()), one.get("sdist")]:
            assert file is None or file["url"].startswith(PYPI[1])
            assert file is None or file["hash"].startswith("sha256:")
    locked = {
        (one["name"], "".join(sorted(one.get("specifier", "").split(","))))
        for one in ours["metadata"]["requires-dist"]
    }
    declared = {(one.name, "".join(sorted(str(one.specifier).split(",")))) for one in needed()}
    assert locked == declared, "pyproject.toml has changed: run `make lock`"


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option is deprecated")
@together(
    "Dependencies",
    "exact",
    "a dataset as data frames, Arrow tables and rows, whole and in parts",
    "a dataset through ibis",
    "a dataset by SQL, joins and conditions",
)
def test_every_door_of_a_dataset(pipeline: dlt.Pipeline) -> None:
    with Sandbox(SandboxSettings(courses=3, users=9, log_messages=1), port=0) as sandbox:
        auth = IdKeyAuth(**sandbox.credentials["id_key"])
        source = d2l_brightspace_source(sandbox.url, auth, tables=["users", "classlist"])
        run(pipeline, source)
        users = sandbox.truth()["users"]
    data = pipeline.dataset()
    ids = {row[0] for row in data.users.select("user_id").fetchall()}
    assert len(ids) == users > 4
    whole_and_in_parts(data.users, ids)
    conditions_and_joins(data, ids)
    through_ibis(data, ids)


def whole_and_in_parts(relation: Any, ids: set[int]) -> None:
    assert set(relation.df()["user_id"]) == ids
    assert set(relation.arrow().column("user_id").to_pylist()) == ids
    assert {one for part in relation.iter_df(3) for one in part["user_id"]} == ids
    parts = list(relation.iter_arrow(3))
    assert {one for part in parts for one in part.column("user_id").to_pylist()} == ids
    rows = relation.select("user_id")
    assert {row[0] for row in rows.fetchall()} == ids
    assert {row[0] for part in rows.iter_fetch(3) for row in part} == ids
    assert len(rows.fetchmany(3)) == 3
    assert rows.fetchone()[0] in ids


def conditions_and_joins(data: Any, ids: set[int]) -> None:
    users, first = data.users, min(ids)
    assert users.where("user_id", "eq", first).select("user_id").fetchall() == [(first,)]
    assert users.where(f"user_id = {first}").select("user_id").fetchall() == [(first,)]
    assert users[["user_id"]].order_by("user_id").limit(1).fetchall() == [(first,)]
    assert users.select("user_id").max().fetchscalar() == max(ids)
    members = data("SELECT COUNT(*) FROM classlist").fetchscalar()
    joined = "SELECT c.identifier FROM classlist AS c JOIN users AS u ON u.user_id = c.identifier"
    assert 0 < len(data(joined).df()) <= members
    loaded = users.join("_dlt_loads")
    assert len(loaded.fetchall()) == len(ids)
    assert dict(data.row_counts().fetchall())["users"] == len(ids)


def through_ibis(data: Any, ids: set[int]) -> None:
    connection = data.ibis()
    try:
        assert "users" in connection.list_tables()
        assert set(connection.table("users").user_id.execute()) == ids
    finally:
        connection.disconnect()
    table = data.users.to_ibis()
    assert {row[0] for row in data(table.select("user_id")).fetchall()} == ids


AUDITED = {"name": "dlt", "version": "1.31.0", "vulns": []}
OURSELVES = {"name": "d2l-brightspace", "skip_reason": "not found"}
UNKNOWN = {"name": "duckdb", "skip_reason": "not found"}
FLAW = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2"], "description": ""}
VULNERABLE = {"name": "urllib3", "version": "1.0", "vulns": [FLAW]}


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        ([AUDITED, OURSELVES], 0, r"audited: 1 packages, no known vulnerability"),
        ([AUDITED, UNKNOWN], 0, r"(?s)audited: 1 pack.*NOT AUDITED: 1 pack.*\n  duckdb"),
        ([UNKNOWN, OURSELVES], 0, r"NOT AUDITED: 1 packages"),
        ([AUDITED, VULNERABLE], 1, r"VULNERABLE:\nurllib3 1.0: PYSEC-1, CVE-1; fixed in 2"),
        ([], 0, "NOT AUDITED: nothing is installed"),
        (None, 0, "NOT AUDITED: .* cannot be reached"),
    ],
)
@together(
    "Dependencies",
    "clear error",
    "make audit: a known vulnerability ends it",
    "make audit: what nobody could look up is said to be not audited",
)
def test_audit(answer: Any, code: int, said: str, tmp_path: Path) -> None:
    tool = tmp_path / "pip_audit.py"
    text = "no json" if answer is None else json.dumps({"dependencies": answer})
    tool.write_text(f"print({text!r})\nraise SystemExit({code})\n")
    done = audit(sys.executable, str(tool))
    assert done.returncode == code
    assert re.match(said, done.stdout), done.stdout


def test_audit_without_its_tool(tmp_path: Path) -> None:
    done = audit(str(tmp_path / "pip-audit"))
    assert done.returncode == 0
    assert done.stdout.startswith("NOT AUDITED: ")


def audit(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "audit.py"), *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SECRET_FILES = re.compile(r"secrets\.toml$|\.pem$|\.duckdb|/\.dlt/|\.git/|\.venv|refresh_token")


@case("Dependencies", "what is published holds no secrets and no data", "safe")
def test_packages_hold_no_secrets(tmp_path: Path) -> None:
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    root = tmp_path / "project"
    copy_project(root)
    (root / ".dlt" / "secrets.toml").write_text("canary")
    (root / "d2l_brightspace" / "dev.secrets.toml").write_text("canary")
    (root / "d2l_brightspace" / "key.pem").write_text("canary")
    (root / "tests" / "warehouse.duckdb").write_text("canary")
    sdist = next(SdistBuilder(str(root)).build(directory=str(tmp_path)))
    wheel = next(WheelBuilder(str(root)).build(directory=str(tmp_path)))
    with tarfile.open(sdist) as tar, zipfile.ZipFile(wheel) as archive:
        packed = {"sdist": tar.getnames(), "wheel": archive.namelist()}
    for kind, names in packed.items():
        assert any(name.endswith("d2l_brightspace/source.py") for name in names), kind
        assert not [name for name in names if SECRET_FILES.search(name)], kind
    assert any(name.endswith("/SECURITY.md") for name in packed["sdist"])


def copy_project(root: Path) -> None:
    """What git knows of the project, but not what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("no checkout")
    for name in listed.stdout.splitlines():
        source, target = ROOT / name, root / name
        if (
            name != ".gitignore"
            and source.is_file()
            and (name.count("/") < 2 or name.startswith(".dlt"))
        ):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())


@case("Dependencies", "how to report a vulnerability: said where people look", "safe")
def test_security_policy_is_linked() -> None:
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)", policy):
        assert (ROOT / link).is_file(), link
    assert not re.search(r"[\w.]+@[\w.]+", policy)
