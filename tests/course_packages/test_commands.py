"""The commands against a sandbox, over a socket."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from d2l_brightspace.course_packages import read_upload_log
from d2l_brightspace.sandbox import Sandbox
from tests import ROOT, needs_proc

from .conftest import FAST, SCHEMES, environment_of, uploads

Command = Callable[..., Result]
MakePackage = Callable[..., Path]
SCRIPT = str(Path(sys.executable).parent / "d2l-brightspace")


def sent(sandbox: Sandbox, method: str) -> list[tuple[str, int]]:
    paths = [(one["path"], one["status"]) for one in sandbox.requests if one["method"] == method]
    return [one for one in paths if "/import/" in one[0]]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_good_and_failing_packages(
    sandbox: Sandbox, course: int, command: Command, make_package: MakePackage, scheme: str
) -> None:
    good = command(
        sandbox,
        *("import-course", "--course-package", make_package(), "--course-offering-id", course),
        *FAST,
        scheme=scheme,
    )
    assert good.exit_code == 0, good.output
    stages = ["UPLOADING", "PROCESSING", "PROCESSED", "IMPORTING", "COMPLETED"]
    assert re.findall(r": ([A-Z]{4,})$", good.output, re.MULTILINE) == stages
    bad = make_package("fail.zip")
    failing = command(
        sandbox,
        *("import-course", "--course-package", bad, "--course-offering-id", course, *FAST),
        scheme=scheme,
    )
    assert failing.exit_code == 1
    assert re.search(r"IMPORTFAILED\n.*log: .*quiz library could not", failing.output, re.DOTALL)
    assert uploads(sandbox) == ["good.zip", "fail.zip"]
    assert sent(sandbox, "POST")[0][0].endswith(f"/import/{course}/imports/")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("timeout.zip", "Timeout"),
        ("native.zip", "READYTOIMPORTNATIVELY"),
        ("strange.zip", "UNKNOWN"),
    ],
)
def test_other_ways_of_a_job(
    sandbox: Sandbox,
    course: int,
    command: Command,
    make_package: MakePackage,
    file: str,
    words: str,
) -> None:
    result = command(
        sandbox,
        *("import-course", "--course-package", make_package(file)),
        *("--course-offering-id", sandbox.world.courses[0].code, *FAST),
    )
    assert words in result.output
    assert result.exit_code == (1 if file == "timeout.zip" else 0)


@pytest.mark.parametrize("wrong", ["no file", "not a zip", "no manifest", "too large", "no course"])
def test_wrong_inputs_say_so_before_any_upload(
    sandbox: Sandbox,
    course: int,
    command: Command,
    make_package: MakePackage,
    tmp_path: Path,
    wrong: str,
) -> None:
    file, words = make_package(), "does not exist"
    if wrong == "no file":
        file.unlink()
    elif wrong == "not a zip":
        words = "no zip file"
        file.write_text("hello")
    elif wrong == "no manifest":
        words = "without imsmanifest.xml"
        make_package(names=("index.html",))
    elif wrong == "too large":
        words = "at most 490 MB"
        os.truncate(file, 500 * 1024**2)
    else:
        words, course = "no course offering 1 ", 1
    result = command(
        sandbox,
        *("import-course", "--course-package", file, "--course-offering-id", course, *FAST),
    )
    assert result.exit_code == 2
    assert words in result.output
    assert "Nothing was uploaded" in result.output
    assert sent(sandbox, "POST") == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--course-offering-id", "1"),
        ("--course-package", "a.zip"),
        ("--manifest", "a.csv", "--job-token", "t"),
        ("--course-offering-id", "1", "--job-token", "t", "--listen", "0"),
        ("--course-offering-id", "1", "--course-package", "a.zip", "--again", "failed"),
    ],
    ids=["nothing", "no package", "no course", "list and token", "listen", "again"],
)
def test_wrong_usage(sandbox: Sandbox, command: Command, arguments: tuple[str, ...]) -> None:
    assert command(sandbox, "import-course", *arguments).exit_code == 2
    assert len(sandbox.requests) == 0


def test_force_sends_what_looks_wrong(
    sandbox: Sandbox, course: int, command: Command, make_package: MakePackage
) -> None:
    file = make_package(names=("index.html",))
    result = command(
        sandbox,
        *("import-course", "--course-package", file, "--course-offering-id", course),
        *("--force", *FAST),
    )
    assert result.exit_code == 1
    assert "The package has no imsmanifest.xml" in result.output


def test_a_deadline_gives_the_command_that_goes_on(
    start: Callable[..., Sandbox], command: Command, make_package: MakePackage
) -> None:
    sandbox = start(job_seconds=3600)
    course = sandbox.world.course_ids[0]
    result = command(
        sandbox,
        *("import-course", "--course-package", make_package(), "--course-offering-id", course),
        *("--deadline-hours", "0.000001", *FAST),
    )
    assert result.exit_code == 3
    resume = re.search(r"^  d2l-brightspace (import-course .*)$", result.output, re.MULTILINE)
    assert resume is not None
    sandbox.clock.advance(10 * 3600)
    assert command(sandbox, *resume[1].split(), *FAST).exit_code == 0
    assert len(sent(sandbox, "POST")) == 1


@pytest.mark.parametrize("scheme", ["refresh_token", "service_user"])
def test_tokens_expire_while_a_job_is_followed(
    start: Callable[..., Sandbox], command: Command, make_package: MakePackage, scheme: str
) -> None:
    sandbox = start(job_polls=5)
    course = sandbox.world.course_ids[0]
    original = sandbox.world.jobs.look

    def look(job: Any) -> str:
        sandbox.revoke_access_tokens()
        return original(job)

    sandbox.world.jobs.look = look
    result = command(
        sandbox,
        *("import-course", "--course-package", make_package(), "--course-offering-id", course),
        *FAST,
        scheme=scheme,
    )
    assert result.exit_code == 0, result.output
    assert sum(status == 401 for _, status in sent(sandbox, "GET")) > 15


def test_an_expired_token_at_the_upload_is_renewed(
    sandbox: Sandbox, course: int, command: Command, make_package: MakePackage
) -> None:
    find = sandbox.world.is_kind

    def is_kind(*arguments: Any) -> bool:
        sandbox.revoke_access_tokens()  # at the look at the course, just before the upload
        return find(*arguments)

    sandbox.world.is_kind = is_kind
    result = command(
        sandbox,
        *("import-course", "--course-package", make_package(), "--course-offering-id", course),
        *FAST,
        scheme="refresh_token",
    )
    assert result.exit_code == 0, result.output
    assert [status for _, status in sent(sandbox, "POST")] == [401, 200]
    assert uploads(sandbox) == ["good.zip"]


def write_series(folder: Path, sandbox: Sandbox, make_package: MakePackage) -> Path:
    """Twenty packages, three of which fail."""
    lines = ["course_package,course_offering_id"]
    for number, course in enumerate(sandbox.world.courses):
        file = make_package(f"{number:02}{'-fail' if number in (3, 9, 16) else ''}.zip")
        lines.append(f"{file.name},{course.unit_id if number % 2 else course.code}")
    path = folder / "courses.csv"
    path.write_text("\n".join(lines))
    return path


def popen(folder: Path, sandbox: Sandbox, scheme: str, *arguments: object) -> Any:
    return subprocess.Popen(
        [str(one) for one in arguments],
        cwd=folder,
        env=environment_of(sandbox, scheme),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until(process: Any, words: str, times: int = 1) -> str:
    output = ""
    while output.count(words) < times:
        line = process.stdout.readline()
        assert line, output
        output += line
    return output


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["refresh_token", "id_key"])
def test_a_killed_series_is_finished_and_uploads_once(
    start: Callable[..., Sandbox],
    command: Command,
    make_package: MakePackage,
    tmp_path: Path,
    scheme: str,
) -> None:
    sandbox = start(courses=20)
    manifest = write_series(tmp_path, sandbox, make_package)
    arguments = ("import-course", "--manifest", manifest)
    slowly = ("--poll-seconds", "0.02", "--importing-poll-seconds", "30")
    process = popen(tmp_path, sandbox, scheme, SCRIPT, *arguments, *slowly)
    read_until(process, ": IMPORTING", times=3)
    process.kill()
    process.communicate()
    assert 3 <= len(uploads(sandbox)) < 20

    result = command(sandbox, *arguments, *FAST, scheme=scheme)
    assert result.exit_code == 1, result.output
    assert "20 packages: 17 complete, 3 failed" in result.output
    assert sorted(uploads(sandbox)) == sorted(file.name for file in tmp_path.glob("*.zip"))

    again = command(sandbox, *arguments, *FAST, scheme=scheme)
    assert again.exit_code == 1
    assert again.output.count("complete since an earlier run") == 17
    assert len(uploads(sandbox)) == 20
    some = command(sandbox, *arguments, "--again", "failed", *FAST, scheme=scheme)
    assert some.exit_code == 1
    assert len(uploads(sandbox)) == 23


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=str)
def test_a_stopped_command_is_resumed_by_its_token(
    start: Callable[..., Sandbox],
    command: Command,
    make_package: MakePackage,
    tmp_path: Path,
    number: int,
) -> None:
    sandbox = start()
    course = sandbox.world.course_ids[0]
    script = (sys.executable, str(ROOT / "pipelines" / "import_course_package.py"))
    slowly = ("--poll-seconds", "0.01", "--importing-poll-seconds", "3600")
    process = popen(
        tmp_path,
        sandbox,
        "id_key",
        *script,
        *("--course-package", make_package().name, "--course-offering-id", course, *slowly),
    )
    output = read_until(process, ": IMPORTING")
    process.send_signal(number)
    rest, _ = process.communicate()
    token = re.search(r"import job (\S+)", output)
    assert token is not None
    if number != signal.SIGKILL:
        assert process.returncode == 3
        resume = f"import_course_package.py --course-offering-id {course} --job-token {token[1]}"
        assert resume in rest
    result = command(
        sandbox,
        *("import-course", "--course-offering-id", course, "--job-token", token[1], *FAST),
    )
    assert result.exit_code == 0, result.output
    assert uploads(sandbox) == ["good.zip"]


def test_all_that_is_wrong_in_a_list_is_said_at_once(
    sandbox: Sandbox, course: int, command: Command, make_package: MakePackage, tmp_path: Path
) -> None:
    make_package()
    manifest = tmp_path / "courses.csv"
    manifest.write_text(
        f"good.zip,{course}\nnone.zip,{course}\ngood.zip,NO-CODE\ngood.zip,{course}"
    )
    result = command(sandbox, "import-course", "--manifest", manifest, *FAST)
    assert result.exit_code == 2
    for words in ("Line 2: ", "does not exist", "Line 3: ", "'NO-CODE'", "Line 4: ", "in line 1"):
        assert words in result.output
    assert sent(sandbox, "POST") == []


def test_an_upload_in_doubt_is_not_repeated_unasked(
    sandbox: Sandbox, course: int, command: Command, make_package: MakePackage, tmp_path: Path
) -> None:
    # what a kill between the last bytes and the answer leaves behind
    package, ledger = make_package(), tmp_path / "ledger.jsonl"
    line = f'{{"package": "{package}", "org_unit_id": {course}, "status": "sent"}}\n'
    ledger.write_text(line)
    arguments = (
        *("import-course", "--course-package", package, "--course-offering-id", course),
        *("--ledger", ledger, *FAST),
    )
    result = command(sandbox, *arguments)
    assert result.exit_code == 1
    assert "--again uncertain" in result.output
    assert uploads(sandbox) == []
    assert command(sandbox, *arguments, "--again", "uncertain").exit_code == 0
    assert uploads(sandbox) == ["good.zip"]
    statuses = [entry.status for entry in read_upload_log(ledger)]
    assert statuses[:4] == ["sent", "uploading", "sent", "accepted"]


def test_a_kill_in_the_middle_of_an_upload_leaves_no_doubt(
    sandbox: Sandbox, course: int, command: Command, make_package: MakePackage, tmp_path: Path
) -> None:
    package, ledger = make_package(), tmp_path / "ledger.jsonl"
    ledger.write_text(
        f'{{"package": "{package}", "org_unit_id": {course}, "status": "uploading"}}\n'
    )
    result = command(
        sandbox,
        *("import-course", "--course-package", package, "--course-offering-id", course),
        *("--ledger", ledger, *FAST),
    )
    assert result.exit_code == 0
    assert uploads(sandbox) == ["good.zip"]


def test_a_call_shortens_the_wait(
    sandbox: Sandbox, course: int, command: Command, make_package: MakePackage
) -> None:
    def end_when_importing() -> None:
        while not (jobs := list(sandbox.world.jobs)) or jobs[0].status != "IMPORTING":
            looked.wait(0.01)
        sandbox.world.end_job(jobs[0].token, "COMPLETED")

    looked = threading.Event()
    helper = threading.Thread(target=end_when_importing)
    helper.start()
    # an hour between two looks: only the call can end this in time
    result = command(
        sandbox,
        *("import-course", "--course-package", make_package(), "--course-offering-id", course),
        *("--listen", "0", "--poll-seconds", "0.05", "--importing-poll-seconds", "3600"),
    )
    helper.join()
    assert result.exit_code == 0, result.output
    (post,) = [one for one in sandbox.requests if one["method"] == "POST"]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{22}", post["query"]["callbackUrl"])
    assert post["query"]["callbackUrl"] not in result.output
    assert "Listening on 127.0.0.1:" in result.output


@pytest.mark.parametrize(
    ("end", "code"),
    [(None, 0), ("FAILED", 1), ("CANCELLED", 1)],
    ids=["good", "failed", "cancelled"],
)
def test_copies_are_followed_too(
    sandbox: Sandbox, command: Command, end: str | None, code: int
) -> None:
    source, target = sandbox.world.course_ids[:2]
    original = sandbox.world.jobs.look

    def look(job: Any) -> str:
        if end:
            sandbox.world.jobs.end(job.token, end)
        return original(job)

    sandbox.world.jobs.look = look
    result = command(
        sandbox,
        *("copy-course", "--course-offering-id", target, "--source-course-offering-id", source),
        *("--component", "Content", "--days-to-offset-dates", 7, *FAST),
    )
    assert result.exit_code == code, result.output
    assert (end or "COMPLETE") in result.output
    token = next(iter(sandbox.world.jobs)).token
    only = command(sandbox, "copy-course", "--course-offering-id", target, "--job-token", token)
    assert only.exit_code == code


_MEASURE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from d2l_brightspace.cli.main import main
from benchmarks.memory import megabytes
try:
    main(prog_name="d2l-brightspace")
finally:
    print("megabytes", megabytes("VmHWM"))
"""


@needs_proc
@pytest.mark.slow
def test_480_mb_take_less_than_150_mb_of_memory(tmp_path: Path) -> None:
    package = tmp_path / "big.zip"
    with package.open("wb") as file:
        file.truncate(480_000_000)  # a zip file may have anything before it
    with zipfile.ZipFile(package, "a") as zipped:
        zipped.writestr("imsmanifest.xml", "<manifest/>")
    # a process of its own, so that the tests' memory is not measured
    with Sandbox() as sandbox:
        course = sandbox.world.course_ids[0]
        process = popen(
            tmp_path,
            sandbox,
            "service_user",
            *(sys.executable, "-c", _MEASURE, "import-course", "--course-package", package),
            *("--course-offering-id", course, *FAST),
        )
        output, _ = process.communicate()
        (job,) = sandbox.world.jobs
    assert process.returncode == 0, output
    assert job.size == package.stat().st_size > 480_000_000
    assert int(output.rpartition("megabytes")[2]) < 150
