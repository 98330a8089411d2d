"""The wheel in an environment of its own: without a clone, README has to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from d2l_brightspace.sandbox import Sandbox, SandboxSettings
from tests import ROOT
from tests.cli.test_first_hour import User, walk_through

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    environment = folder / "environment"
    wanted = f"{wheel}[service-user]"
    if uv := shutil.which("uv"):
        subprocess.run([uv, "venv", "--quiet", environment], check=True)
        pip = [uv, "pip", "install", "--quiet", "--python", environment / "bin" / "python"]
    else:
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, wanted], check=True)
    return environment / "bin"


def test_the_first_hour_without_a_clone(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    settings = SandboxSettings(courses=3, users=12, class_size=8, log_messages=20)
    with Sandbox(settings, port=0) as sandbox:
        walk_through(User(tmp_path, installed), sandbox)


def test_what_is_not_installed_is_named(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [installed / "d2l-brightspace", "sandbox"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'pip install "d2l-brightspace[sandbox]"' in done.stderr
