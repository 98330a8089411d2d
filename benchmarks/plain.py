"""Plain dlt: `rest_api_source` as dlt's documentation has it, with nothing tuned."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.helpers.rest_client.paginators import (
    JSONLinkPaginator,
    JSONResponseCursorPaginator,
)
from dlt.sources.rest_api import rest_api_source

RESOURCES: dict[str, dict[str, Any]] = {
    "my_enrollments": {
        "path": "lp/1.62/enrollments/myenrollments/",
        "data_selector": "Items",
    },
    "classlist": {
        "path": "le/1.98/{resources.courses.id}/classlist/paged/",
        "data_selector": "Objects",
        "paginator": JSONLinkPaginator(next_url_path="Next"),
    },
    "log_messages": {"path": "lp/1.62/logging/", "data_selector": "Items"},
    "quizzes": {
        "path": "le/1.98/{resources.courses.id}/quizzes/",
        "data_selector": "Objects",
        "paginator": JSONLinkPaginator(next_url_path="Next"),
    },
    "quiz_attempts": {
        "path": "le/1.98/{resources.quizzes._courses_id}/quizzes/"
        "{resources.quizzes.QuizId}/attempts/",
        "data_selector": "Objects",
        "paginator": JSONLinkPaginator(next_url_path="Next"),
    },
}
KEYS = {
    "my_enrollments": "OrgUnit__Id",
    "classlist": ["_courses_id", "Identifier"],
    "log_messages": "LogMessageId",
    "quizzes": ["_courses_id", "QuizId"],
    "quiz_attempts": "AttemptId",
}


def bookmark_paginator() -> JSONResponseCursorPaginator:
    """The cursor paginator of dlt, told to look at HasMoreItems, without which it loops."""
    return JSONResponseCursorPaginator(
        cursor_path="PagingInfo.Bookmark",
        cursor_param="bookmark",
        has_more_path="PagingInfo.HasMoreItems",
    )


def main() -> None:
    """Load one work: base address, tables, courses, DuckDB file, working folder."""
    base, tables, courses, database, folder = sys.argv[1:]

    @dlt.resource(name="courses")
    def ids() -> Iterator[list[dict[str, int]]]:
        yield [{"id": number} for number in range(1, int(courses) + 1)]

    resources: list[Any] = [ids()]
    for table in tables.split(","):
        endpoint = {"paginator": bookmark_paginator(), **RESOURCES[table]}
        resource = {"name": table, "endpoint": endpoint, "max_table_nesting": 1}
        if "resources.courses" in endpoint["path"]:
            resource["include_from_parent"] = ["id"]
        resources.append(resource)
    source = rest_api_source(
        {
            "client": {"base_url": f"{base}/d2l/api/"},
            "resources": resources if len(resources) > 2 or "{" in str(endpoint) else resources[1:],
        }
    )
    pipeline = dlt.pipeline(
        "plain",
        pipelines_dir=folder,
        destination=dlt.destinations.duckdb(database),
        dataset_name="brightspace",
    )
    pipeline.run(source)


if __name__ == "__main__":
    main()
