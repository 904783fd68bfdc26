"""Calls to TikTok: its own names for OAuth 2, one envelope for all answers, and errors even with status 200.

https://developers.tiktok.com/doc/oauth-user-access-token-management
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from accounts.platforms.base import Session
from accounts.platforms.errors import AuthExpired, PlatformError, Rejected, Unavailable, Unknown
from accounts.platforms.http import Answer, bearer, decoded, dig, dig_list, dig_text, unclear_is_unknown
from accounts.platforms.oauth2 import OAuth2Connector
from accounts.platforms.tiktok import errors as tiktok_errors
from ouipost.phrases import Phrase

JSON = {"Content-Type": "application/json; charset=UTF-8"}
USER_FIELDS = {
    "user.info.basic": ("open_id", "union_id", "avatar_url", "display_name"),
    "user.info.profile": ("username",),
    "user.info.stats": ("follower_count", "following_count", "video_count"),
}
"""Fields by the scope that they need; asking for one whose scope was not granted is an error."""
CREATOR_FIELDS = (
    *("creator_username", "creator_nickname", "privacy_level_options"),
    *("comment_disabled", "duet_disabled", "stitch_disabled", "max_video_post_duration_sec"),
)


class TikTokApi(OAuth2Connector):
    """The calls for reading an account, posting and counting."""

    api = "https://open.tiktokapis.com/{version}"
    authorize_endpoint = "https://www.tiktok.com/{version}/auth/authorize/"
    token_endpoint = f"{api}/oauth/token/"
    revoke_endpoint = f"{api}/oauth/revoke/"
    scope_separator = ","
    client_id_field = "client_key"
    refresh_life_field = "refresh_expires_in"

    def send_form(
        self, session: Session, url: str, fields: Mapping[str, str], *, refusal: type[Rejected] | type[AuthExpired]
    ) -> Answer:
        """Send a form as the base does; an error with a good status is raised as well."""
        answer = super().send_form(session, url, fields, refusal=refusal)
        if dig_text(decoded(answer), "error"):
            raise self.classify_token_error(replace(answer, status=400), refusal=refusal)
        return answer

    def classify_token_error(self, answer: Answer, *, refusal: type[Rejected] | type[AuthExpired]) -> PlatformError:
        error = super().classify_token_error(answer, refusal=refusal)
        error.message = tiktok_errors.with_log_id(error.message, decoded(answer))
        return error

    def classify(self, answer: Answer) -> PlatformError:
        return tiktok_errors.classify(answer)

    def ask(self, session: Session, token: str, path: str, *, method: str = "POST", **request: Any) -> Any:
        """Send one call and return the data of its answer; raises the error of a refusal."""
        answer = self.send(session, token, path, method=method, **request)
        if not _is_good(answer):
            raise self.classify(answer)
        return dig(answer.json(), "data")

    def publish_call(self, session: Session, token: str, path: str, **request: Any) -> str:
        """Send the call that makes a post of files that TikTok fetches, and return its publish_id."""
        answer = self.send(session, token, path, **request)
        if not _is_good(answer):
            raise unclear_is_unknown(self.classify(answer))
        publish_id = dig_text(answer.json(), "data", "publish_id")
        if not publish_id:
            raise Unknown(Phrase("TikTok took the post and gave no id for it."), status=answer.status)
        return publish_id

    def send(self, session: Session, token: str, path: str, *, method: str = "POST", **request: Any) -> Answer:
        headers = bearer(token) | (JSON if method == "POST" else {})
        return session.request(method, self.url(f"{path}/"), headers=headers, **request)

    def user(self, session: Session, token: str, scopes: Sequence[str]) -> Mapping[str, Any]:
        """Return the person's fields that these scopes allow to read."""
        fields = ",".join(name for scope, names in USER_FIELDS.items() if scope in scopes for name in names)
        user = dig(self.ask(session, token, "user/info", method="GET", params={"fields": fields}), "user")
        if not dig_text(user, "open_id"):
            raise Unknown(Phrase("TikTok did not say whose token this is."))
        return dict(user)

    def creator(self, session: Session, token: str) -> dict[str, Any]:
        """Return this creator's present choices for a post; raises RateLimited if the creator has posted too much."""
        info = self.ask(session, token, "post/publish/creator_info/query")
        if not dig_list(info, "privacy_level_options"):
            raise Unavailable(Phrase("TikTok did not say what this creator may choose."))
        return {name: info[name] for name in CREATOR_FIELDS if name in info}


def _is_good(answer: Answer) -> bool:
    return answer.ok and tiktok_errors.code_of(answer) in {"", tiktok_errors.OK}
