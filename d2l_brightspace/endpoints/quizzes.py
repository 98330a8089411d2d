"""Quizzes of a course, and the attempts at each.

D2L's topic "Quizzes", blocks `QuizReadData` and `QuizAttemptData`. A quiz that was deleted is gone
with its attempts the next time its course is read. The route gives the quiz's password in clear
text; it is dropped before anything is written.
"""

from __future__ import annotations

from d2l_brightspace.endpoints.columns import (
    array,
    count,
    flag,
    identifier,
    number,
    person_key,
    personal,
    text,
    timestamp,
)
from d2l_brightspace.endpoints.model import Endpoint, to

QUIZZES = Endpoint(
    "quizzes",
    "le/{org_unit_id}/quizzes/",
    group="quizzes",
    parent="course_offerings",
    paging="object_list",
    scope="quizzing:quizzes:read",
    key=("org_unit_id", "QuizId"),
    replaces="org_unit_id",
    dropped=("Password",),
    references=(to("courses", org_unit_id="Identifier", label="course"),),
    description="One row per quiz of a course.",
    columns={
        "org_unit_id": identifier("Id of the course; added by this source.", required=True),
        "QuizId": identifier("Id of the quiz.", required=True),
        "Name": text("Name of the quiz."),
        "IsActive": flag("Whether learners can see it."),
        "SortOrder": count("Place in the list."),
        "AutoExportToGrades": flag("Whether scores go to the grade book at once."),
        "GradeItemId": identifier("Grade item fed by the quiz."),
        "IsAutoSetGraded": flag("Whether attempts are marked graded on submission."),
        "Instructions__Text__Text": text("Instructions before the start (plain text)."),
        "Instructions__Text__Html": text("Instructions before the start (HTML)."),
        "Instructions__IsDisplayed": flag("Whether instructions are shown."),
        "Description__Text__Text": text("Description of the quiz (plain text)."),
        "Description__Text__Html": text("Description of the quiz (HTML)."),
        "Description__IsDisplayed": flag("Whether the description is shown."),
        "Header__Text__Text": text("Page header of the quiz (plain text)."),
        "Header__Text__Html": text("Page header of the quiz (HTML)."),
        "Header__IsDisplayed": flag("Whether the header is shown."),
        "Footer__Text__Text": text("Page footer of the quiz (plain text)."),
        "Footer__Text__Html": text("Page footer of the quiz (HTML)."),
        "Footer__IsDisplayed": flag("Whether the footer is shown."),
        "StartDate": timestamp("When it opens (UTC)."),
        "EndDate": timestamp("When it closes (UTC)."),
        "DueDate": timestamp("When it is due (UTC)."),
        "DisplayInCalendar": flag("Whether it appears in the calendar."),
        "AttemptsAllowed__IsUnlimited": flag("Whether attempts are unlimited."),
        "AttemptsAllowed__NumberOfAttemptsAllowed": count(
            "Number of attempts; null when unlimited."
        ),
        "LateSubmissionInfo__LateSubmissionOption": count(
            "What happens when time is over (0 AllowNormalSubmission, 1 UseLateLimit, 2 "
            "AutoSubmitAttempt)."
        ),
        "LateSubmissionInfo__LateLimitMinutes": count(
            "Late limit in minutes; ignored since LE 1.71."
        ),
        "SubmissionTimeLimit__IsEnforced": flag("Whether the time limit is enforced."),
        "SubmissionTimeLimit__ShowClock": flag("Whether a clock is shown."),
        "SubmissionTimeLimit__TimeLimitValue": count("Time limit in minutes; 0 means none."),
        "SubmissionGracePeriod": count("Grace period in minutes; ignored since LE 1.71."),
        "AllowHints": flag("Whether hints are shown."),
        "DisableRightClick": flag("Whether the context menu is blocked."),
        "DisablePagerAndAlerts": flag("Whether pager and alerts are blocked."),
        "NotificationEmail": personal(
            "Address that is sent a mail on new attempts.", kind="contact"
        ),
        "CalcTypeId": count(
            "How several attempts make one grade (1 HighestAttempt, 2 LowestAttempt, 3 "
            "AverageOfAllAttempts, 4 FirstAttempt, 5 LastAttempt)."
        ),
        "RestrictIPAddressRange": array("Address ranges allowed; null when unrestricted."),
        "CategoryId": identifier("Category it belongs to."),
        "PreventMovingBackwards": flag("Whether earlier pages stay closed."),
        "Shuffle": flag("Whether questions are shuffled."),
        "ActivityId": text("URI of the activity."),
        "AllowOnlyUsersWithSpecialAccess": flag(
            "Whether only users with special access may take it."
        ),
        "IsRetakeIncorrectOnly": flag("Whether a retake holds only wrong answers."),
        "PagingTypeId": count(
            "How questions are paged; null for classic paging; null before LE 1.78 (0 "
            "AllQuestionsOnOnePage, 1 OneQuestionPerPage, 2 PageBreaksAfterEachSection, 3 "
            "FiveQuestionsPerPage, 4 TenQuestionsPerPage)."
        ),
        "IsSynchronous": flag("Whether all learners start together."),
        "DeductionPercentage": number("Percent deducted for wrong answers."),
        "HideQuestionPoints": flag("Whether points are hidden from learners; null before LE 1.88."),
        "IsSingleSession": flag("Whether an attempt is bound to one session; null before LE 1.92."),
        "AnnotationToolsEnabled": flag("Whether annotation tools are on; newer versions only."),
    },
)

QUIZ_ATTEMPTS = Endpoint(
    "quiz_attempts",
    "le/{org_unit_id}/quizzes/{QuizId}/attempts/",
    group="quizzes",
    parent="quizzes",
    paging="object_list",
    scope="quizzing:attempts:read",
    key="AttemptId",
    replaces="org_unit_id",
    references=(
        to("quizzes", "org_unit_id", "QuizId", label="quiz"),
        to("users", "UserId", label="user"),
    ),
    description="One row per attempt of a user at a quiz.",
    columns={
        "org_unit_id": identifier("Id of the course; added by this source.", required=True),
        "AttemptId": identifier("Id of the attempt.", required=True),
        "QuizId": identifier("Id of the quiz."),
        "UserId": person_key("Id of the user."),
        "AttemptNumber": count("Number of the attempt, from 1."),
        "Score": number("Score of the attempt.", kind="behaviour"),
        "Started": timestamp("When it was started (UTC).", kind="behaviour"),
        "Completed": timestamp(
            "When it was submitted; null while running (UTC).", kind="behaviour"
        ),
        "AttemptFeedback__Text": personal(
            "Feedback on the attempt (plain text).", kind="free_text"
        ),
        "AttemptFeedback__Html": personal("Feedback on the attempt (HTML).", kind="free_text"),
        "FeedbackLastModified": timestamp("When the feedback was last changed (UTC)."),
        "IsPublished": flag("Whether the learner sees the feedback."),
        "IsRetakeIncorrectOnly": flag("Whether it held only wrong answers."),
        "AttemptDueDate": timestamp("When the attempt is due (UTC)."),
        "AttemptEnforceTimeLimit": flag("Whether the time limit is enforced."),
        "AttemptSubmissionTimeLimit": count("Time limit in minutes."),
        "AttemptSubmissionGraceLimit": count("Grace period in minutes."),
        "AttemptSubmissionLateTypeId": count(
            "What happens when time is over (0 AllowNormalSubmission, 1 UseLateLimit, 2 "
            "AutoSubmitAttempt)."
        ),
        "AttemptSubmissionLateData": count("Extended deadline in minutes."),
        "AttemptIsSynchronous": flag("Whether all learners start together."),
        "DeductionPercentage": number("Percent deducted for wrong answers."),
    },
)
