"""Discussions of a course: forums, their topics, and the posts of each topic.

D2L's topic "Discussions", blocks `Forum`, `Topic` and `Post`. Posts come in pages asked for by
number; the author of an anonymous one is null. What was deleted is gone the next time its
course is read.
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
from d2l_brightspace.endpoints.model import Endpoint, PageSize, to

DISCUSSION_FORUMS = Endpoint(
    "discussion_forums",
    "le/{org_unit_id}/discussions/forums/",
    group="discussions",
    parent="course_offerings",
    paging="array",
    scope="discussions:forums:readonly",
    key=("org_unit_id", "ForumId"),
    replaces="org_unit_id",
    references=(to("courses", org_unit_id="Identifier", label="course"),),
    description="One row per discussion forum of a course.",
    columns={
        "org_unit_id": identifier("Id of the course; added by this source.", required=True),
        "ForumId": identifier("Id of the forum.", required=True),
        "Name": text("Name of the forum."),
        "Description__Text": text("Description of the forum (plain text)."),
        "Description__Html": text("Description of the forum (HTML)."),
        "ShowDescriptionInTopics": flag("Whether topics repeat the description."),
        "StartDate": timestamp("When it opens (UTC)."),
        "EndDate": timestamp("When it closes (UTC)."),
        "PostStartDate": timestamp("No longer used since LE 1.56 (UTC)."),
        "PostEndDate": timestamp("No longer used since LE 1.56 (UTC)."),
        "AllowAnonymous": flag("Whether anonymous posts are allowed."),
        "IsLocked": flag("Always false since LE 1.56."),
        "IsHidden": flag("Whether it is hidden from learners."),
        "RequiresApproval": flag("Whether posts need approval."),
        "DisplayInCalendar": flag("Whether it appears in the calendar."),
        "DisplayPostDatesInCalendar": flag("No longer used."),
        "MustPostToParticipate": flag("Whether one must post before reading."),
        "StartDateAvailabilityType": text("What is barred before the start; number or name."),
        "EndDateAvailabilityType": text("What is barred after the end; number or name."),
    },
)

DISCUSSION_TOPICS = Endpoint(
    "discussion_topics",
    "le/{org_unit_id}/discussions/forums/{ForumId}/topics/",
    group="discussions",
    parent="discussion_forums",
    paging="array",
    scope="discussions:topics:readonly",
    key=("org_unit_id", "ForumId", "TopicId"),
    replaces="org_unit_id",
    references=(to("discussion_forums", "org_unit_id", "ForumId", label="forum"),),
    description="One row per topic of a discussion forum.",
    columns={
        "org_unit_id": identifier("Id of the course; added by this source.", required=True),
        "ForumId": identifier("Forum it belongs to.", required=True),
        "TopicId": identifier("Id of the topic.", required=True),
        "Name": text("Name of the topic."),
        "Description__Text": text("Description of the topic (plain text)."),
        "Description__Html": text("Description of the topic (HTML)."),
        "StartDate": timestamp("When it opens (UTC)."),
        "EndDate": timestamp("When it closes (UTC)."),
        "DueDate": timestamp("When participation is due (UTC); null before LE 1.90."),
        "UnlockStartDate": timestamp("Start of the unlocked time (UTC)."),
        "UnlockEndDate": timestamp("End of the unlocked time (UTC)."),
        "IsLocked": flag("Whether new posts are barred."),
        "IsHidden": flag("Whether it is hidden from learners."),
        "AllowAnonymousPosts": flag("Whether anonymous posts are allowed."),
        "RequiresApproval": flag("Whether posts need approval."),
        "UnApprovedPostCount": count("Number of posts waiting for approval."),
        "PinnedPostCount": count("Number of pinned threads."),
        "ScoringType": count(
            "How post scores make one score (1 Average, 2 Maximum, 3 Minimum, 4 ModeHighest, "
            "5 ModeLowest, 6 Sum)."
        ),
        "IsAutoScore": flag("Whether the topic score is computed from posts."),
        "ScoreOutOf": number("Points it is out of."),
        "IncludeNonScoredValues": flag("Whether unscored posts count as zero."),
        "ScoredCount": count("Number of users scored."),
        "RatingsSum": number("Sum of ratings."),
        "RatingsCount": count("Number of ratings."),
        "MustPostToParticipate": flag("Whether one must post before reading."),
        "RatingType": count(
            "How posts are rated (0 None, 1 FiveStar, 2 UpVoteDownVote, 3 UpVoteOnly)."
        ),
        "ActivityId": text("URI of the activity."),
        "GroupTypeId": identifier("Group category that restricts it."),
        "StartDateAvailabilityType": text("What is barred before the start; number or name."),
        "EndDateAvailabilityType": text("What is barred after the end; number or name."),
    },
)

DISCUSSION_POSTS = Endpoint(
    "discussion_posts",
    "le/{org_unit_id}/discussions/forums/{ForumId}/topics/{TopicId}/posts/",
    group="discussions",
    parent="discussion_topics",
    paging="page_number",
    scope="discussions:posts:readonly",
    key="PostId",
    replaces="org_unit_id",
    page_size=PageSize("pageSize", 1000),
    references=(
        to("discussion_topics", "org_unit_id", "ForumId", "TopicId", label="topic"),
        to("users", PostingUserId="UserId", label="author"),
    ),
    description="One row per post of a discussion topic, first posts and answers.",
    columns={
        "org_unit_id": identifier("Id of the course; added by this source.", required=True),
        "PostId": identifier("Id of the post.", required=True),
        "ThreadId": identifier("First post of the thread; equals PostId there."),
        "ParentPostId": identifier("Post answered; null at the start of a thread."),
        "ForumId": identifier("Forum of the post."),
        "TopicId": identifier("Topic of the post."),
        "PostingUserId": person_key("Author; null for anonymous posts."),
        "PostingUserDisplayName": personal("Author's name as shown.", kind="name"),
        "Subject": personal("Subject line.", kind="free_text"),
        "Message__Text": personal("Text of the post (plain text).", kind="free_text"),
        "Message__Html": personal("Text of the post (HTML).", kind="free_text"),
        "DatePosted": timestamp("When it was posted (UTC).", kind="behaviour"),
        "IsAnonymous": flag("Whether the author is hidden."),
        "RequiresApproval": flag("Whether it waits for approval."),
        "IsDeleted": flag("Whether it was deleted."),
        "LastEditedDate": timestamp("When it was last edited (UTC)."),
        "LastEditedBy": person_key("User who last edited it."),
        "CanRate": flag("Whether the caller may rate it."),
        "ReplyPostIds": array("Ids of the direct answers."),
        "WordCount": count("Number of words."),
        "AttachmentCount": count("Number of attachments."),
        "IsRead": flag("Whether the caller has read it; null before LE 1.45."),
        "Attachments": array("Files attached; null before LE 1.95."),
        "ThreadIsPinned": flag("Whether the thread is pinned; null before LE 1.95."),
    },
)
