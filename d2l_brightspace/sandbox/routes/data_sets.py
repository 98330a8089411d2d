"""Brightspace Data Sets, by the routes of today and by the older ones (docs/brightspace-api.md)."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import JSONResponse, RedirectResponse, Response

from d2l_brightspace.sandbox.data_hub import DataSet, Extract, Kind
from d2l_brightspace.sandbox.problems import RefusedError, not_found
from d2l_brightspace.sandbox.routing import Call, Route

READ = "datasets:bds:read"
OLD_READ = "datahub:dataexports:read"
OLD_DOWNLOAD = "datahub:dataexports:download"
_VERSION = "1.49"


def _list(call: Call) -> object:
    _must_speak(call, "new")
    return _page(call, [_block(call, one) for one in call.hub.data_sets.values()])


def _extracts(call: Call) -> object:
    _must_speak(call, "new")
    data_set = _data_set(call)
    return _page(call, [_extract(call, data_set, one) for one in data_set.extracts])


def _plugin_extracts(call: Call) -> object:
    _must_speak(call, "new")
    data_set, kind = _plugin(call)
    found = [one for one in data_set.extracts if one.kind == kind]
    return _page(call, [_extract(call, data_set, one) for one in found])


def _download(call: Call) -> object:
    data_set, kind = _plugin(call)
    for extract in data_set.extracts:
        if extract.kind == kind and extract.identifier == call.parts["extract"]:
            return _file(call, extract)
    raise not_found("There is no such extract")


def _old_page(call: Call) -> object:
    _must_speak(call, "old")
    page, entries = call.query.number("page") or 1, _old_entries(call)
    shown = entries[(page - 1) * call.page_size : page * call.page_size]
    base = f"{call.origin}/d2l/api/lp/{_VERSION}/dataExport/bds?page="
    return {
        "NextPageUrl": f"{base}{page + 1}" if page * call.page_size < len(entries) else None,
        "PrevPageUrl": f"{base}{page - 1}" if page > 1 else None,
        "BrightspaceDataSets": shown,
    }


def _old_list(call: Call) -> object:
    _must_speak(call, "old")
    return _old_entries(call)


def _must_speak(call: Call, routes: str) -> None:
    if routes not in call.settings.data_hub_routes:
        raise not_found("There is no such route")


def _data_set(call: Call) -> DataSet:
    found = call.hub.by_schema(call.parts["schema"])
    if found is None:
        raise not_found("There is no such data set")
    return found


def _plugin(call: Call) -> tuple[DataSet, Kind]:
    found = call.hub.by_plugin(call.parts["plugin"])
    if found is None:
        raise not_found("There is no such plugin")
    return found


def _page(call: Call, rows: list[dict[str, object]]) -> dict[str, object]:
    start = call.query.number("start") or 0
    end = start + call.page_size
    path = call.request.url.path
    following = f"{call.origin}{path}?start={end}" if end < len(rows) else None
    return {"Next": following, "Objects": rows[start:end]}


def _block(call: Call, data_set: DataSet) -> dict[str, object]:
    differential = _plugin_block(call, data_set, "Differential")
    return {
        "SchemaId": data_set.schema_id,
        "Full": _plugin_block(call, data_set, "Full"),
        "Differential": differential if data_set.has_differential else None,
        "ExtractsLink": f"{_url(call, data_set)}/extracts",
    }


def _plugin_block(call: Call, data_set: DataSet, kind: Kind) -> dict[str, object]:
    plugin = data_set.plugin_id(kind)
    suffix = " Differential" if kind == "Differential" else ""
    return {
        "PluginId": plugin,
        "Name": f"{data_set.name}{suffix}",
        "Description": f"All of {data_set.name}",
        "ExtractsLink": f"{_url(call, data_set)}/plugins/{plugin}/extracts",
    }


def _extract(call: Call, data_set: DataSet, extract: Extract) -> dict[str, object]:
    plugin = data_set.plugin_id(extract.kind)
    link = f"{_url(call, data_set)}/plugins/{plugin}/extracts/{extract.identifier}"
    return {
        "SchemaId": data_set.schema_id,
        "PluginId": plugin,
        "BdsType": extract.kind,
        "CreatedDate": _time(extract.created),
        "QueuedForProcessingDate": _time(extract.created),
        "DownloadLink": link if extract.is_ready else None,
        "DownloadSize": extract.size,
        "Version": extract.version,
    }


def _url(call: Call, data_set: DataSet) -> str:
    return f"{call.origin}/d2l/api/lp/{_VERSION}/datasets/bds/{data_set.schema_id}"


def _old_entries(call: Call) -> list[dict[str, object]]:
    entries = []
    for data_set in call.hub.data_sets.values():
        for kind in ("Full", "Differential"):
            found = [one for one in data_set.extracts if one.kind == kind]
            blocks = [_old_entry(call, data_set, one) for one in reversed(found)]
            if blocks:
                entries.append({**blocks[0], "PreviousDataSets": blocks[1:] or None})
    return entries


def _old_entry(call: Call, data_set: DataSet, extract: Extract) -> dict[str, object]:
    plugin = data_set.plugin_id(extract.kind)
    is_full = extract.kind == "Full"
    path = f"/d2l/api/lp/{_VERSION}/dataExport/bds/{plugin}/{extract.identifier}"
    return {
        "PluginId": plugin,
        "Name": data_set.name + ("" if is_full else " Differential"),
        "Description": f"All of {data_set.name}",
        "FullDataSet": is_full,
        "CreatedDate": _time(extract.created),
        "DownloadLink": f"{call.origin}{path}",
        "DownloadSize": extract.size,
        "Version": extract.version,
        "PreviousDataSets": None,
        "QueuedForProcessingDate": _time(extract.created),
    }


def _file(call: Call, extract: Extract) -> Response:
    """Send to the storage, which is another host and wants no credentials."""
    if call.hub.quota_refusals:
        call.hub.quota_refusals -= 1
        raise RefusedError(JSONResponse({"Errors": []}, 403, {"Retry-After": "0"}))
    return RedirectResponse(call.hub.storage_link(extract.path), 302)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


_PLUGIN = "datasets/bds/{schema:text}/plugins/{plugin:text}/extracts"

ROUTES = (
    Route("GET", "lp", "datasets/bds", READ, _list),
    Route("GET", "lp", "datasets/bds/{schema:text}/extracts", READ, _extracts),
    Route("GET", "lp", _PLUGIN, READ, _plugin_extracts),
    Route("GET", "lp", f"{_PLUGIN}/{{extract:text}}", READ, _download),
    Route("GET", "lp", "dataExport/bds/list", OLD_READ, _old_list),
    Route("GET", "lp", "dataExport/bds", OLD_READ, _old_page),
    Route("GET", "lp", "dataExport/bds/{plugin:text}/{extract:text}", OLD_DOWNLOAD, _download),
)
