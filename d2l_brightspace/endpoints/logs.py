"""Log messages of the Brightspace server, single and gathered into groups of like messages.

D2L's topic "API properties", blocks `Logging.Message` and `Logging.MessageGroupSummary`. Messages
and stack traces are free text in which the server may quote names, addresses or what a user typed:
they are marked as personal. User ids are pseudonyms and are not.
"""

from __future__ import annotations

from .columns import count, identifier, personal, text, timestamp
from .model import Endpoint

LOG_MESSAGES = Endpoint(
    product="lp",
    paging="bookmark",
    scope="core:*:*",
    bookmark_field="LogMessageId",
    range_start="dateRangeStart",
    range_end="dateRangeEnd",
    range_field="MessageTimestamp",
    description="One row per message the Brightspace server logged.",
    resource={
        "name": "log_messages",
        "primary_key": "LogMessageId",
        "write_disposition": "merge",
        "references": [
            {
                "referenced_table": "users",
                "columns": ["UserId"],
                "referenced_columns": ["UserId"],
                "cardinality": "many_to_one",
                "label": "user",
            },
            {
                "referenced_table": "org_units",
                "columns": ["OrgUnitId"],
                "referenced_columns": ["Identifier"],
                "cardinality": "many_to_one",
                "label": "org unit",
            },
            {
                "referenced_table": "log_message_groups",
                "columns": ["MessageGroupId"],
                "referenced_columns": ["MessageGroupId"],
                "cardinality": "many_to_one",
                "label": "group",
            },
        ],
        "columns": {
            "LogMessageId": identifier("Id of the log message.", required=True),
            "LogLevel": text("Severity: Debug, Info, Warn, Error or Fatal."),
            "MessageTimestamp": timestamp("When the message was logged (UTC)."),
            "ExceptionMessage": personal(
                "Text of the exception that was logged; free text that may quote user data."
            ),
            "MachineName": text("Name of the server that logged the message."),
            "ProcessName": text("Name of the server process that logged the message."),
            "ProcessStartTime": timestamp(
                "When that process was started (UTC); null when not known."
            ),
            "LoggerAssembly": text("Program library that logged the message."),
            "LoggerType": text("Class inside that library that logged the message."),
            "ExceptionStackTrace": personal(
                "Call stack of the exception; null unless traces are asked for."
            ),
            "ExceptionType": text("Class of the exception."),
            "DeveloperMessage": personal(
                "What the program's author wrote about the event; free text, may quote user data."
            ),
            "StackTrace": personal(
                "Call stack at the moment of logging; null unless traces are asked for."
            ),
            "MessageGroupId": identifier("Id of the group of like messages this one belongs to."),
            "UserId": identifier(
                "Id of the user whose request was being served; null when there was none."
            ),
            "OrgId": identifier("Org unit id of the organisation; null when there was none."),
            "OrgUnitId": identifier("Id of the org unit concerned; null when there was none."),
        },
        "endpoint": {"path": "logging/"},
    },
)

LOG_MESSAGE_GROUPS = Endpoint(
    product="lp",
    paging="bookmark",
    scope="core:*:*",
    range_start="dateRangeStart",
    description="One row per group of like log messages: how many, and one of them as a sample.",
    resource={
        "name": "log_message_groups",
        "primary_key": "MessageGroupId",
        "write_disposition": "merge",
        "references": [
            {
                "referenced_table": "log_messages",
                "columns": ["LogMessageId"],
                "referenced_columns": ["LogMessageId"],
                "cardinality": "one_to_one",
                "label": "sample",
            },
            {
                "referenced_table": "users",
                "columns": ["UserId"],
                "referenced_columns": ["UserId"],
                "cardinality": "many_to_one",
                "label": "user",
            },
            {
                "referenced_table": "org_units",
                "columns": ["OrgUnitId"],
                "referenced_columns": ["Identifier"],
                "cardinality": "many_to_one",
                "label": "org unit",
            },
        ],
        "columns": {
            "LogMessageId": identifier("Id of the message that stands for the group."),
            "LogLevel": text("Severity of the group: Debug, Info, Warn, Error or Fatal."),
            "DeveloperMessage": personal(
                "What the program's author wrote about the event; free text, may quote user data."
            ),
            "LoggerAssembly": text("Program library that logged the messages."),
            "LoggerType": text("Class inside that library that logged the messages."),
            "ExceptionAssembly": text("Program library the exception's class comes from."),
            "ExceptionType": text("Class of the exception."),
            "ExceptionMessage": personal(
                "Text of the exception that was logged; free text that may quote user data."
            ),
            "MessageGroupId": identifier("Id of the group.", required=True),
            "MessageCount": count("Number of messages in the group, within the window asked for."),
            "UserId": identifier(
                "Id of the user of the message that stands for the group; null when none."
            ),
            "OrgUnitId": identifier(
                "Id of the org unit of the message that stands for the group; null when none."
            ),
        },
        "endpoint": {"path": "logging/grouped/"},
    },
)
