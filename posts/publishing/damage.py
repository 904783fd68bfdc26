"""Targets that are not stored as they were written."""

import logging

from accounts.platforms.errors import Rejected, Unavailable, WhoActs
from ouipost.db.stored_json import misshapen
from ouipost.phrases import Phrase
from posts.models import Target
from posts.publishing.outcomes import Outcome, Undecidable

logger = logging.getLogger(__name__)


def damage(target: Target) -> Outcome | None:
    """Return the outcome of a target with unreadable columns, or None if all are readable.

    Nobody knows what was to be sent. If any of it may be out, a person must look.
    """
    account = target.account
    if not (wrong := misshapen(target, target.post, account, account.workspace)):
        return None
    logger.error("Target %s cannot be sent, these are stored in another form: %s", target.pk, ", ".join(wrong))
    message = Phrase("It is stored in a form that cannot be read: {columns}.", columns=", ".join(wrong))
    if target.may_be_out:
        return Undecidable(message=message)
    return Rejected(message, code=Unavailable.code, who_acts=WhoActs.OPERATOR)
