"""Log messages of the Brightspace server, single and gathered into groups of like messages.

D2L's topic "API properties", blocks `Logging.Message` and `Logging.MessageGroupSummary`. Messages
and stack traces are free text in which the server may quote names, addresses or what a user typed:
they are marked as personal. User ids are pseudonyms and are not.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import (
    count,
    identifier,
    person_key,
    personal,
    text,
    timestamp,
)
from d2l_brightspace.endpoints.model import Endpoint, Since, to

LOG_MESSAGES = Endpoint(
    "log_messages",
    "lp/logging/",
    paging="bookmark",
    scope="core:*:*",
    key="LogMessageId",
    bookmark_field="LogMessageId",
    since=Since("dateRangeStart", "MessageTimestamp", until="dateRangeEnd"),
    references=(
        to("users", "UserId", label="user"),
        to("org_units", OrgUnitId="Identifier", label="org unit"),
        to("log_message_groups", "MessageGroupId", label="group"),
    ),
    description="One row per message the Brightspace server logged.",
    columns={
        "LogMessageId": identifier("Id of the log message.", required=True),
        "LogLevel": text("Severity: Debug, Info, Warn, Error or Fatal."),
        "MessageTimestamp": timestamp("When the message was logged (UTC)."),
        "ExceptionMessage": personal(
            "Text of the exception that was logged; free text that may quote user data.",
            kind="free_text",
        ),
        "MachineName": text("Name of the server that logged the message.", kind="network"),
        "ProcessName": text("Name of the server process that logged the message."),
        "ProcessStartTime": timestamp("When that process was started (UTC); null when not known."),
        "LoggerAssembly": text("Program library that logged the message."),
        "LoggerType": text("Class inside that library that logged the message."),
        "ExceptionStackTrace": personal(
            "Call stack of the exception; null unless traces are asked for.", kind="free_text"
        ),
        "ExceptionType": text("Class of the exception."),
        "DeveloperMessage": personal(
            "What the program's author wrote about the event; free text, may quote user data.",
            kind="free_text",
        ),
        "StackTrace": personal(
            "Call stack at the moment of logging; null unless traces are asked for.",
            kind="free_text",
        ),
        "MessageGroupId": identifier("Id of the group of like messages this one belongs to."),
        "UserId": person_key(
            "Id of the user whose request was being served; null when there was none."
        ),
        "OrgId": identifier("Org unit id of the organisation; null when there was none."),
        "OrgUnitId": identifier("Id of the org unit concerned; null when there was none."),
    },
)

LOG_MESSAGE_GROUPS = Endpoint(
    "log_message_groups",
    "lp/logging/grouped/",
    paging="bookmark",
    scope="core:*:*",
    key="MessageGroupId",
    since=Since("dateRangeStart"),
    references=(
        to("log_messages", "LogMessageId", label="sample", one_to_one=True),
        to("users", "UserId", label="user"),
        to("org_units", OrgUnitId="Identifier", label="org unit"),
    ),
    description="One row per group of like log messages: how many, and one of them as a sample.",
    columns={
        "LogMessageId": identifier("Id of the message that stands for the group."),
        "LogLevel": text("Severity of the group: Debug, Info, Warn, Error or Fatal."),
        "DeveloperMessage": personal(
            "What the program's author wrote about the event; free text, may quote user data.",
            kind="free_text",
        ),
        "LoggerAssembly": text("Program library that logged the messages."),
        "LoggerType": text("Class inside that library that logged the messages."),
        "ExceptionAssembly": text("Program library the exception's class comes from."),
        "ExceptionType": text("Class of the exception."),
        "ExceptionMessage": personal(
            "Text of the exception that was logged; free text that may quote user data.",
            kind="free_text",
        ),
        "MessageGroupId": identifier("Id of the group.", required=True),
        "MessageCount": count("Number of messages in the group, within the window asked for."),
        "UserId": person_key(
            "Id of the user of the message that stands for the group; null when none."
        ),
        "OrgUnitId": identifier(
            "Id of the org unit of the message that stands for the group; null when none."
        ),
    },
)
