"""What Brightspace offers: every table of this source, declared as data, in loading order.

A table refers to another one once, by the column that most joins want: of several references to
one table dlt keeps only the last (1.31). The descriptions of other columns say `Org unit id` where
they hold a key of `org_units`.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.classlist import CLASSLIST
from d2l_brightspace.endpoints.courses import COURSES, PARENT_COURSES
from d2l_brightspace.endpoints.discussions import (
    DISCUSSION_FORUMS,
    DISCUSSION_POSTS,
    DISCUSSION_TOPICS,
)
from d2l_brightspace.endpoints.enrollments import ENROLLMENTS, MY_ENROLLMENTS
from d2l_brightspace.endpoints.logs import LOG_MESSAGE_GROUPS, LOG_MESSAGES
from d2l_brightspace.endpoints.org_structure import ORG_UNITS
from d2l_brightspace.endpoints.quizzes import QUIZ_ATTEMPTS, QUIZZES
from d2l_brightspace.endpoints.users import USERS
from d2l_brightspace.endpoints.versions import VERSIONS

ENDPOINTS = {
    endpoint.name: endpoint
    for endpoint in (
        VERSIONS,
        ORG_UNITS,
        USERS,
        COURSES,
        PARENT_COURSES,
        CLASSLIST,
        MY_ENROLLMENTS,
        ENROLLMENTS,
        LOG_MESSAGES,
        LOG_MESSAGE_GROUPS,
        QUIZZES,
        QUIZ_ATTEMPTS,
        DISCUSSION_FORUMS,
        DISCUSSION_TOPICS,
        DISCUSSION_POSTS,
    )
}
"""By name of the table; a parent comes before its children."""
