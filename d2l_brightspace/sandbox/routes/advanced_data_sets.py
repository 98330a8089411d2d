"""Advanced Data Sets: reports made to order (D2L's res/dataExport.html)."""

from __future__ import annotations

import json
import zipfile

from starlette.responses import FileResponse

from d2l_brightspace.sandbox.problems import invalid_parameters, not_found
from d2l_brightspace.sandbox.routing import Call, Route

FINAL_GRADES = "ff842aae-84d0-4e39-9db4-3ae51d36bb0e"
_DATA_SET = {
    "DataSetId": FINAL_GRADES,
    "Name": "Final Grades",
    "Description": "Final grades of learners",
    "Category": "AdvancedDataSets",
    "Filters": [
        {"Name": "startDate", "Type": 1, "Description": "", "DefaultValue": None},
        {"Name": "roles", "Type": 3, "Description": "", "DefaultValue": None},
    ],
}
_COMPLETE = 2


def _list(_call: Call) -> object:
    return [_DATA_SET]


def _create(call: Call) -> object:
    order = json.loads(call.body or b"null")
    if not isinstance(order, dict) or order.get("DataSetId") != FINAL_GRADES:
        raise invalid_parameters("DataSetId is no data set")
    job = {
        "ExportJobId": f"job-{len(call.hub.jobs) + 1}",
        "DataSetId": FINAL_GRADES,
        "Name": "Final Grades",
        "SubmitDate": "2026-01-05T08:00:00.000Z",
        "Status": 0,
        "Category": 2,
        "Filters": order.get("Filters"),
    }
    call.hub.jobs[str(job["ExportJobId"])] = job
    return _shown(job)


def _job(call: Call) -> object:
    """Show a job; each look brings it a step further, from queued over processing to complete."""
    job = _found(call)
    shown = _shown(job)
    job["Status"] = min(int(str(job["Status"])) + 1, _COMPLETE)
    return shown


def _download(call: Call) -> object:
    job = _found(call)
    if job["Status"] != _COMPLETE:
        raise not_found("The report is not ready")
    path = call.hub.folder / f"{job['ExportJobId']}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("FinalGrades.csv", _csv(json.dumps(job["Filters"])))
    return FileResponse(path, media_type="application/zip")


def _csv(filters: str) -> str:
    quoted = filters.replace('"', '""')
    return f'\ufeffcourse offering id,final grade,filters\r\n6606,"1,5","{quoted}"\r\n6607,,\r\n'


def _found(call: Call) -> dict[str, object]:
    job = call.hub.jobs.get(call.parts["job"])
    if job is None:
        raise not_found("There is no such job")
    return job


def _shown(job: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in job.items() if name != "Filters"}


ROUTES = (
    Route("GET", "lp", "dataExport/list", "reporting:dataset:list", _list),
    Route("POST", "lp", "dataExport/create", "reporting:job:create", _create),
    Route("GET", "lp", "dataExport/jobs/{job:text}", "reporting:job:fetch", _job),
    Route("GET", "lp", "dataExport/download/{job:text}", "reporting:job:download", _download),
)
