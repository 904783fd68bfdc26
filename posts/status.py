"""The one function that derives a post's status from its targets'. Pure."""

from collections.abc import Collection

from posts.models import PostStatus, TargetStatus

ORDER = (
    (TargetStatus.NEEDS_REVIEW, PostStatus.NEEDS_REVIEW),
    (TargetStatus.PUBLISHED, PostStatus.PARTIALLY_PUBLISHED),
    (TargetStatus.SCHEDULED, PostStatus.SCHEDULED),
    (TargetStatus.FAILED, PostStatus.FAILED),
    (TargetStatus.MISSED, PostStatus.MISSED),
)


def derive(statuses: Collection[str]) -> PostStatus:
    """Return the status of a post whose targets have these; cancelled ones do not count."""
    counted = {status for status in statuses if status != TargetStatus.CANCELLED}
    if TargetStatus.PUBLISHING in counted:
        return PostStatus.PUBLISHING
    if counted == {TargetStatus.PUBLISHED}:
        return PostStatus.PUBLISHED
    return next((derived for status, derived in ORDER if status in counted), PostStatus.DRAFT)
