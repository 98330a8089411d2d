"""Import of course packages and copies of courses (docs/brightspace-api.md)."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from starlette.datastructures import UploadFile

from d2l_brightspace.sandbox import blocks
from d2l_brightspace.sandbox.callbacks import end_in_time
from d2l_brightspace.sandbox.jobs import Job, Kind, LogLine
from d2l_brightspace.sandbox.loopback import is_local
from d2l_brightspace.sandbox.paging import by_id, paged_result_set
from d2l_brightspace.sandbox.problems import invalid_parameters, not_found, plain
from d2l_brightspace.sandbox.routing import Call, Route
from d2l_brightspace.sandbox.scopes import CORE

_CREATE, _FETCH = "import:job:create", "import:job:fetch"
_IMPORTS, _COPIES = "import/{ou}/imports/", "import/{ou}/copy/"
_PERMISSION = "ImportExportCopy.ImportCourse"  # invented: D2L's name for it is not published
_MOST_BYTES = 490 * 1024 * 1024  # "simple uploads" of D2L's calling conventions


def _start_import(call: Call) -> object:
    course = call.course(_PERMISSION)
    file = _the_file(call)
    size = file.size or 0
    if size > _MOST_BYTES:
        raise plain(413)  # which status D2L gives is not published
    callback_url = _callback_url(call.query.text("callbackUrl"))
    job = call.world.jobs.add_import(
        course.unit_id, file.filename or "", file.file, size, callback_url
    )
    end_in_time(call.world, job)
    return {"JobToken": job.token}


def _the_file(call: Call) -> UploadFile:
    parts = call.form
    if len(parts) != 1 or parts[0][0] != "file" or not isinstance(parts[0][1], UploadFile):
        raise invalid_parameters("The body must be one file part with the name 'file'")
    file = parts[0][1]
    if not file.filename or (file.content_type or "") != "application/zip":
        raise invalid_parameters("The file part needs a filename and the type application/zip")
    return file


def _start_copy(call: Call) -> object:
    course = call.course(_PERMISSION)
    ask = _block(call.body)
    source = call.world.units.get(ask["SourceOrgUnitId"])
    if source is None:
        raise not_found(f"There is no org unit {ask['SourceOrgUnitId']}")
    fails = source.unit_id in call.world.forbidden
    callback_url = _callback_url(ask["CallbackUrl"])
    job = call.world.jobs.add_copy(course.unit_id, callback_url, fails=fails)
    end_in_time(call.world, job)
    return {"JobToken": job.token}


def _callback_url(url: object) -> str | None:
    if not url:
        return None
    if not isinstance(url, str) or not is_local(url):
        raise invalid_parameters(
            "The sandbox calls back to loopback addresses only, such as http://127.0.0.1:8080/"
        )
    return url


def _block(body: bytes) -> dict[str, Any]:
    try:
        ask = json.loads(body)
        components = ask["Components"]
        good = isinstance(ask["SourceOrgUnitId"], int) and "CallbackUrl" in ask
    except (ValueError, KeyError, TypeError):
        _bad_block()
    if not good or not (components is None or isinstance(components, list)):
        _bad_block()
    return dict(ask)


def _bad_block() -> NoReturn:
    raise invalid_parameters("The body must be a CreateCopyJobRequest")


def _import_status(call: Call) -> object:
    job = _job(call, "import")
    status = call.world.jobs.look(job)
    return {"JobToken": job.token, "TargetOrgUnitId": job.org_unit_id, "Status": status}


def _copy_status(call: Call) -> object:
    return {"Status": call.world.jobs.look(_job(call, "copy"))}


def _log(call: Call) -> object:
    rows = by_id(_job(call, "import").log, _log_id, call.query.number("bookmark"))
    return paged_result_set(rows, call.page_size, _log_id, blocks.import_course_log)


def _job(call: Call, kind: Kind) -> Job:
    course = call.course(_PERMISSION)
    job = call.world.jobs.find(kind, course.unit_id, call.parts["token"])
    if job is None:
        raise not_found(f"Course offering {course.unit_id} has no such job")
    return job


def _log_id(line: LogLine) -> int:
    return line.log_id


ROUTES = (
    Route("POST", "le", _IMPORTS, _CREATE, _start_import, takes_form=True),
    Route("GET", "le", f"{_IMPORTS}{{token:text}}", _FETCH, _import_status),
    Route("GET", "le", f"{_IMPORTS}{{token:text}}/logs/", CORE, _log),
    Route("POST", "le", _COPIES, CORE, _start_copy),
    Route("GET", "le", f"{_COPIES}{{token:text}}", CORE, _copy_status),
)
