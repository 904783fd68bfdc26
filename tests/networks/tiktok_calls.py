"""The calls that a post on TikTok is made of, to the letter, and a post on its way."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from accounts.platforms.errors import PlatformError, StillWorking
from accounts.platforms.http import Answer
from accounts.platforms.shapes import Account, App, Content, Handles, Operation, Profile, Published, Tokens
from accounts.platforms.tiktok import TikTok
from tests.networks.platform_case import (
    NOW,
    Call,
    FakeSession,
    Publication,
    later,
    make_answer,
    make_image,
    make_video,
    no_save,
)

API = "https://open.tiktokapis.com/v2"
PUBLISH = f"{API}/post/publish"
UPLOAD_URL = "https://open-upload.tiktokapis.com/video/?upload_id=701&upload_token=t"
BEARER = {"Authorization": "Bearer AT"}
HEADERS = BEARER | {"Content-Type": "application/json; charset=UTF-8"}
PROOF = {"client_key": "id", "client_secret": "secret"}
SCOPE = "user.info.basic,user.info.profile,user.info.stats,video.list,video.publish"
USER_FIELDS = "open_id,union_id,avatar_url,display_name,username,follower_count,following_count,video_count"
EVERYONE = {"privacy_level": "PUBLIC_TO_EVERYONE"}
ONESELF = {"privacy_level": "SELF_ONLY"}
PUBLISH_ID, PHOTO_ID = "v_pub_file~v2-1.701", "p_pub_url~v2-1.702"
VIDEO_URL = "https://www.tiktok.com/@bakery/video/7512345678901234567"
PHOTO_URL = "https://www.tiktok.com/@bakery/photo/7512345678901234567"
POST_ID = "7512345678901234567"
SETTINGS = {
    "creator_username": "bakery",
    "creator_nickname": "Bakery",
    "privacy_level_options": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
    "comment_disabled": False,
    "duet_disabled": False,
    "stitch_disabled": True,
    "max_video_post_duration_sec": 600,
}
PROFILE = Profile(
    name="Bakery",
    username="bakery",
    profile_image="https://p16.example/a.jpg",
    followers=120,
    following=3,
    metadata={"creator_info": SETTINGS},
)
TOKENS = {
    "access_token": "AT",
    "expires_in": 7200,
    "open_id": "oid-1",
    "refresh_expires_in": 15_552_000,
    "refresh_token": "RT",
    "scope": SCOPE,
    "token_type": "Bearer",
}
GIVEN = Tokens(
    access_token="AT",
    refresh_token="RT",
    access_expires_at=later(hours=2),
    ends_at=later(days=180),
    scopes=tuple(SCOPE.split(",")),
)


def good(**data: Any) -> Answer:
    return make_answer(200, {"data": data, "error": {"code": "ok", "message": "", "log_id": "L1"}})


def bad(status: int, code: str, message: str = "No.", **headers: Any) -> Answer:
    return make_answer(status, {"error": {"code": code, "message": message, "log_id": "L2"}}, **headers)


def post(path: str, answer: Any, json: Any = None, **params: str) -> Call:
    sent = {"headers": HEADERS} | ({"params": params} if params else {}) | ({"json": json} if json else {})
    return Call("POST", f"{API}/{path}/", sent, answer)


def creator_info(**changes: Any) -> Call:
    settings = SETTINGS | changes | {"creator_avatar_url": "https://p16.example/b.jpg"}
    return post("post/publish/creator_info/query", good(**settings))


def user_info(fields: str = USER_FIELDS, **changes: Any) -> Call:
    user = {
        "open_id": "oid-1",
        "union_id": "uid-1",
        "avatar_url": "https://p16.example/a.jpg",
        "display_name": "Bakery",
        "username": "bakery",
        "follower_count": 120,
        "following_count": 3,
        "video_count": 9,
    }
    answer = good(user={name: value for name, value in (user | changes).items() if name in fields.split(",")})
    return Call("GET", f"{API}/user/info/", {"headers": BEARER, "params": {"fields": fields}}, answer)


def video_init(size: int, chunk: int, count: int, **info: Any) -> Call:
    said = {
        "title": "Bread",
        "privacy_level": "PUBLIC_TO_EVERYONE",
        "disable_comment": False,
        "disable_duet": False,
        "disable_stitch": True,
        "brand_content_toggle": False,
        "brand_organic_toggle": False,
    } | info
    source = {"source": "FILE_UPLOAD", "video_size": size, "chunk_size": chunk, "total_chunk_count": count}
    answer = good(publish_id=PUBLISH_ID, upload_url=UPLOAD_URL)
    return post("post/publish/video/init", answer, {"post_info": said, "source_info": source})


def chunk(first: int, content: bytes, total: int, status: int = 201, **headers: Any) -> Call:
    told = {"Content-Type": "video/mp4", "Content-Range": f"bytes {first}-{first + len(content) - 1}/{total}"}
    return Call("PUT", UPLOAD_URL, {"headers": told, "data": content}, make_answer(status, **headers))


def photo_init(*images: str, **info: Any) -> Call:
    said = {
        "description": "Three loaves",
        "privacy_level": "PUBLIC_TO_EVERYONE",
        "disable_comment": False,
        "brand_content_toggle": False,
        "brand_organic_toggle": False,
    } | info
    addresses = [f"https://ours.example/media/{name}" for name in images]
    source = {"source": "PULL_FROM_URL", "photo_images": addresses, "photo_cover_index": 0}
    body = {"media_type": "PHOTO", "post_mode": "DIRECT_POST", "post_info": said, "source_info": source}
    return post("post/publish/content/init", good(publish_id=PHOTO_ID), body)


def status(publish_id: str, state: str = "PUBLISH_COMPLETE", **told: Any) -> Call:
    return post("post/publish/status/fetch", good(status=state, **told), {"publish_id": publish_id})


def complete(publish_id: str, *ids: int) -> Call:
    return status(publish_id, publicaly_available_post_id=list(ids))


def listed(text: str, **fields: Any) -> dict[str, Any]:
    young = int(later(seconds=-3).timestamp())
    return {"id": POST_ID, "create_time": young, "video_description": text, "title": text} | fields


def listing(*videos: Mapping[str, Any], after: int = 0, then: int = 0) -> Call:
    body = {"max_count": 20} | ({"cursor": after} if after else {})
    answer = good(videos=list(videos), cursor=then, has_more=bool(then))
    return post("video/list", answer, body, fields="id,create_time,video_description,title,share_url")


def photos(**options: Any) -> Content:
    media = (make_image("media_1"), make_image("media_2", mime_type="image/webp"))
    return Content(text="Three loaves", media=media, options=EVERYONE | options)


def film(**options: Any) -> Content:
    return Content(text="Bread", media=(make_video(),), options=EVERYONE | options)


FIRST, LAST = b"bytes of", b" media_1"
VIDEO = Publication(
    content=film(),
    prepares=(creator_info(), video_init(16, 8, 2), chunk(0, FIRST, 16, 206, Content_Range="bytes 0-7/16")),
    commits=(chunk(8, LAST, 16, 201),),
    shows=(complete(PUBLISH_ID, int(POST_ID)),),
    published=Published(remote_id=POST_ID, url=VIDEO_URL),
)
PHOTOS = Publication(
    content=photos(),
    prepares=(creator_info(),),
    commits=(photo_init("media_1", "media_2"),),
    shows=(complete(PHOTO_ID, int(POST_ID)),),
    published=Published(remote_id=POST_ID, url=PHOTO_URL),
)
PRIVATE = Publication(
    content=film(**ONESELF),
    prepares=(
        creator_info(),
        video_init(16, 8, 2, privacy_level="SELF_ONLY"),
        chunk(0, FIRST, 16, 206, Content_Range="bytes 0-7/16"),
    ),
    commits=(chunk(8, LAST, 16, 201),),
    shows=(complete(PUBLISH_ID),),
    published=Published(remote_id=PUBLISH_ID, url="https://www.tiktok.com/@bakery"),
)
EVERY_VIDEO_OPTION = Publication(
    content=film(
        disable_comment=True,
        disable_duet=True,
        disable_stitch=True,
        brand_content_toggle=True,
        brand_organic_toggle=True,
        is_aigc=True,
        video_cover_timestamp_ms=1500,
    ),
    prepares=(
        creator_info(),
        video_init(
            16,
            8,
            2,
            disable_comment=True,
            disable_duet=True,
            brand_content_toggle=True,
            brand_organic_toggle=True,
            is_aigc=True,
            video_cover_timestamp_ms=1500,
        ),
        chunk(0, FIRST, 16, 206),
    ),
    commits=(chunk(8, LAST, 16, 201),),
    shows=(complete(PUBLISH_ID, int(POST_ID)),),
    published=Published(remote_id=POST_ID, url=VIDEO_URL),
)


def every_photo_option() -> Publication:
    options = {"disable_comment": True, "auto_add_music": True, "photo_cover_index": 1, "is_aigc": True}
    call = photo_init("media_1", "media_2", title="Loaves", disable_comment=True, auto_add_music=True)
    body = dict(call.sends["json"])
    body |= {"is_aigc": True, "source_info": body["source_info"] | {"photo_cover_index": 1}}
    return replace(
        PHOTOS,
        content=replace(photos(**options), title="Loaves"),
        commits=(replace(call, sends={**call.sends, "json": body}),),
    )


CONNECTOR = TikTok(App(client_id="id", client_secret="secret"))
ACCOUNT = Account(
    remote_id="oid-1",
    access_token="AT",
    refresh_token="RT",
    username="bakery",
    metadata={"scopes": SCOPE.split(","), "union_id": "uid-1", "creator_info": SETTINGS},
)


class Steps:
    """One post on its way to TikTok, step by step."""

    connector = CONNECTOR

    def operation(self, content: Content, **values: Any) -> Operation:
        return replace(Operation(content=content, account=ACCOUNT, now=NOW), **values)

    def prepare(self, operation: Operation, *calls: Call) -> Handles:
        session = FakeSession(*calls)
        handles = self.connector.prepare(session, operation, no_save)
        session.assert_done()
        return handles

    def prepared(self, publication: Publication) -> Operation:
        operation = self.operation(publication.content)
        return replace(operation, handles=self.prepare(operation, *publication.prepares), armed_at=NOW)

    def commit(self, publication: Publication, gets: Answer | PlatformError) -> PlatformError:
        """Return what another answer to the visible call means."""
        call = replace(publication.commits[0], gets=gets)
        with pytest.raises(PlatformError) as caught:
            self.connector.commit(FakeSession(call), self.prepared(publication))
        return caught.value

    def sent(self, publication: Publication) -> Operation:
        """Return an operation whose visible call was made and answered."""
        taken = self.commit(publication, publication.commits[0].gets)
        assert isinstance(taken, StillWorking)
        assert taken.handles is not None
        return replace(self.prepared(publication), handles=taken.handles)

    def recover(self, operation: Operation, *calls: Call) -> list[Published]:
        session = FakeSession(*calls)
        found = self.connector.recover(session, operation)
        session.assert_done()
        return found

    def waiting(self, operation: Operation, *calls: Call) -> StillWorking:
        with pytest.raises(StillWorking) as caught:
            self.recover(operation, *calls)
        return caught.value
