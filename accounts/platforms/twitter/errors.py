"""The meaning of X's refusals: https://docs.x.com/x-api/fundamentals/response-codes"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts.platforms.errors import (
    AppStopped,
    AuthExpired,
    Duplicate,
    ErrorCode,
    PlatformError,
    RateLimited,
    Rejected,
    Unavailable,
    WhoActs,
    not_permitted,
)
from accounts.platforms.http import (
    Answer,
    decoded,
    dig,
    dig_text,
    facts_of,
    is_a_page,
    is_unclear,
    reset_after,
    retry_after,
)

QUOTAS = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
NO_KIND = {"", "about:blank"}
TOKEN_IS_OVER = {"32", "89", "unsupported-authentication"}
APP_IS_STOPPED = {"453", "client-forbidden"}
"""Code 453: the app's access level does not have this call."""
QUOTA_IS_SPENT = {"88", "185"}
BLOCKED = {"64", "226", "326", "user-suspended"}
"""The account is suspended, taken for a bot, or locked until its owner signs in; mostly only the message says so."""
NO_CREDITS = {"credits-depleted"}
USAGE_CAPPED = {"usage-capped"}
DUPLICATE = {"187"}
PERMISSION_MISSING = {"not-authorized-for-resource"}
TRANSIENT = {"internal-error"}
OF_THE_REQUEST = {"invalid-request", "resource-not-found"}
KNOWN = {
    *(TOKEN_IS_OVER | APP_IS_STOPPED | QUOTA_IS_SPENT | BLOCKED | NO_CREDITS | USAGE_CAPPED),
    *(DUPLICATE | PERMISSION_MISSING | TRANSIENT | OF_THE_REQUEST),
}
BLOCKED_WORDS = ("temporarily locked", "not permitted to access this feature")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """The content of a refusal by X, in any of its shapes."""

    code: str
    """The last word of the problem's type, else the number of the older shape."""
    message: str
    """The fault of this request, if X gives it; the detail may be the same for all problems of a kind."""
    detail: str = ""
    title: str = ""
    """The status in words, which are X's own if the problem has no type."""

    @classmethod
    def of(cls, answer: Answer) -> "Problem":
        body = decoded(answer)
        old = dig(body, "errors", 0) or body
        kind = dig_text(body, "type").rpartition("/")[2]
        title, detail = dig_text(body, "title"), dig_text(body, "detail")
        message = dig_text(old, "message") or detail or title
        code = dig_text(old, "code") if kind in NO_KIND else kind
        return cls(code=code, message=message, detail=detail, title=title)

    def says(self, *words: str) -> bool:
        said_at_all = f"{self.message} {self.detail}".lower()
        return any(each in said_at_all for each in words)


def classify(answer: Answer) -> PlatformError:
    """Return the error of a refusal, by the problem's type and words rather than its status."""
    problem = Problem.of(answer)
    is_known = problem.code in {*KNOWN, "", str(answer.status)}
    code = problem.code or problem.title
    facts = facts_of("Twitter/X", answer, words=problem.message, code=code, is_known=is_known)
    return _spent(answer, problem, facts) or _refused(answer, problem, facts)


def _spent(answer: Answer, problem: Problem, facts: dict[str, Any]) -> PlatformError | None:
    has_no_credits = problem.code in NO_CREDITS or problem.title == "CreditsDepleted"
    if answer.status == 402 or has_no_credits or problem.says("any credits"):
        return AppStopped(**facts)
    if problem.code in USAGE_CAPPED:
        return AppStopped(code=RateLimited.code, retry_after=_until(answer, _spent_quotas(answer)), **facts)
    if answer.status == 429 or problem.code in QUOTA_IS_SPENT:
        return RateLimited(retry_after=_wait(answer), **facts)
    return None


def _refused(answer: Answer, problem: Problem, facts: dict[str, Any]) -> PlatformError:
    if answer.status == 401 or problem.code in TOKEN_IS_OVER:
        return AuthExpired(**facts)
    if is_unclear(answer.status) or is_a_page(answer) or problem.code in TRANSIENT:
        return Unavailable(retry_after=retry_after(answer), **facts)
    if problem.code in DUPLICATE or problem.says("duplicate content"):
        return Duplicate(**facts)
    if problem.code in APP_IS_STOPPED:
        return AppStopped(**facts)
    if problem.code in BLOCKED or problem.says(*BLOCKED_WORDS):
        return Rejected(who_acts=WhoActs.ACCOUNT_OWNER, **facts)
    if problem.code in PERMISSION_MISSING or problem.says("not permitted to perform"):
        return not_permitted(**facts)
    return Rejected(code=ErrorCode.MEDIA_REJECTED if problem.says("media", "video", "image") else None, **facts)


def _wait(answer: Answer) -> float | None:
    """Return the seconds to the latest reset of the used-up quotas; if none is marked so, to the plain quota's."""
    wait = _until(answer, _spent_quotas(answer) or QUOTAS[:1])
    return retry_after(answer) if wait is None else wait


def _spent_quotas(answer: Answer) -> list[str]:
    return [each for each in QUOTAS if answer.headers.get(f"{each}-remaining") == "0"]


def _until(answer: Answer, quotas: Sequence[str]) -> float | None:
    """Return the seconds until all these quotas are reset, None if no header gives a time."""
    waits = [reset_after(answer, f"{each}-reset") for each in quotas]
    return max((each for each in waits if each is not None), default=None)
