"""A Page's posts without a video: posts, photo stories, and the first comment.

The connector chooses a `Way` to publish for each operation; those of videos are in `video`.
"""

import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, TypeVar
from urllib.parse import unquote

from accounts.platforms.base import Recovery, Save, Session
from accounts.platforms.errors import PlatformError, Rejected, Unavailable, Unknown
from accounts.platforms.facebook.api import Graph, page_address, post_id_of
from accounts.platforms.http import dig_list, dig_text, recent, time_at
from accounts.platforms.meta.visibility import is_not_visible, of_the_account
from accounts.platforms.shapes import Account, Handles, Media, Operation, Published
from accounts.platforms.text import comparable
from accounts.platforms.uploads import UPLOADS, upload_missing, uploaded
from ouipost.phrases import Phrase

POST_FIELDS = "id,message,created_time,permalink_url,status_type,attachments{media_type,target{id},url}"
COMMENT_FIELDS = "id,message,from,created_time"
PHOTO_LIVES = timedelta(hours=20)
"""Facebook deletes an unpublished photo after about 24 hours."""
LISTED_BEFORE = timedelta(minutes=5)
MENTION = re.compile(r"@\[\d+(?::[^\[\]\n]*)?\]")
REDIRECT = re.compile(r"https://[a-z]+\.facebook\.com/l\.php\?(?:.*&)?u=([^&]+)")
"""Facebook's redirect page for links to other sites."""
FILES = {"photo", "album", "video"}
"""Types of attachments that are files, not links."""
CREATED = time_at("created_time")
Found = TypeVar("Found")


class Way:
    """A way to prepare, publish and find one kind of post, or a comment."""

    recovery: ClassVar[Recovery] = Recovery.LOOK

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        return upload_photos(self.graph, session, operation, save)

    def commit(self, session: Session, operation: Operation) -> Published:
        raise NotImplementedError

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        raise NotImplementedError


class Post(Way):
    """A text, a link, or photos.

    Even a single photo is uploaded before it is posted: then the visible call is short, the list shows the photo by its
    id, and Facebook refuses to post the same photo twice.
    """

    def commit(self, session: Session, operation: Operation) -> Published:
        account = operation.account
        url = self.graph.url(f"{account.remote_id}/feed")
        request = self.graph.form(account, _feed_fields(operation))
        # of a post with photos, these may be what is not visible
        with nullcontext() if operation.content.media else of_the_account():
            post_id = self.graph.call_visible(session, "POST", url, id_at=("id",), **request)
        return Published(remote_id=post_id, url=self._permalink(session, account, post_id))

    def _permalink(self, session: Session, account: Account, post_id: str) -> str:
        """Return the post's address; an error in reading it must not make a published post look failed."""
        try:
            answer = self.graph.get(session, account.access_token, post_id, timeout=10, fields="permalink_url")
        except PlatformError:
            answer = None
        return page_address(answer, post_id)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        account, since = operation.account, int((operation.began_at - LISTED_BEFORE).timestamp())
        edge = f"{account.remote_id}/published_posts"
        posts = self.graph.pages(session, account.access_token, edge, fields=POST_FIELDS, since=since)
        young = recent(posts, since=operation.since, dated=CREATED)
        found = [each for each in young if _is_it(each, operation)]
        ours = [each for each in found if _is_surely_it(each, operation)]
        if found and not ours and not comparable(operation.text):
            raise Unknown(Phrase("Facebook shows a post without text that may be this one, or another."))
        by_id = {dig_text(each, "id"): each for each in ours or found}
        return [Published(remote_id=post_id, url=page_address(each, post_id)) for post_id, each in by_id.items()]


class PhotoStory(Way):
    """A photo that is uploaded unpublished and then shown as a story."""

    def commit(self, session: Session, operation: Operation) -> Published:
        fields = {"photo_id": self._photo(operation)}
        answer = self.graph.finish(session, operation.account, "photo_stories", fields)
        post_id = post_id_of(operation.account, dig_text(answer, "post_id")) or self._photo(operation)
        return Published(remote_id=post_id, url=self._address(session, operation, post_id))

    def _address(self, session: Session, operation: Operation, post_id: str) -> str:
        """Return the story's address; an error in reading it must not make a published story look failed."""
        try:
            listed = self.recover(session, operation)
        except PlatformError:
            listed = []
        return next((each.url for each in listed if each.remote_id == post_id), page_address(None, post_id))

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        return stories_of(self.graph, session, operation, self._photo(operation))

    def _photo(self, operation: Operation) -> str:
        return str(uploaded(operation.handles, operation.content.media[0].id))


class Comment(Way):
    """The first comment, by the Page itself."""

    def prepare(self, session: Session, operation: Operation, save: Save) -> Handles:
        return operation.handles

    def commit(self, session: Session, operation: Operation) -> Published:
        comment_id = self._of_post_or_video(operation, partial(self._send, session, operation))
        return Published(remote_id=comment_id, url=operation.root.url)

    def _send(self, session: Session, operation: Operation, subject: str) -> str:
        request = self.graph.form(operation.account, {"message": operation.text})
        url = self.graph.url(f"{subject}/comments")
        return self.graph.call_visible(session, "POST", url, id_at=("id",), **request)

    def recover(self, session: Session, operation: Operation) -> list[Published]:
        found = self._of_post_or_video(operation, partial(self._own, session, operation))
        return [Published(remote_id=each, url=operation.root.url) for each in dict.fromkeys(found)]

    def _own(self, session: Session, operation: Operation, subject: str) -> list[str]:
        asked: dict[str, Any] = {"fields": COMMENT_FIELDS, "order": "reverse_chronological"}
        comments = self.graph.pages(session, operation.account.access_token, f"{subject}/comments", **asked)
        young = recent(comments, since=operation.since, dated=CREATED)
        return [dig_text(each, "id") for each in young if _is_own_comment(each, operation)]

    def _of_post_or_video(self, operation: Operation, act: Callable[[str], Found]) -> Found:
        """Call `act` with the post, or with the video: a video's post may get its id later than its first comment."""
        video_id = str(operation.root.facts.get("video_id", ""))
        try:
            return act(operation.root.remote_id)
        except Rejected as error:
            if not (video_id and is_not_visible(error)):
                raise
        return act(video_id)


def upload_photos(graph: Graph, session: Session, operation: Operation, save: Save) -> Handles:
    """Upload, unpublished, the photos that Facebook does not have yet."""
    steps = {each.id: partial(_upload, graph, session, operation.account, each) for each in operation.content.media}
    return upload_missing(operation, save, steps, not_before=operation.now - PHOTO_LIVES)


def _upload(graph: Graph, session: Session, account: Account, media: Media) -> str:
    fields = {"published": "false", "alt_text_custom": media.alt_text}
    files = {"source": (media.filename or "image", media.read(), media.mime_type)}
    photo_id = dig_text(graph.write(session, account, "photos", fields, files=files, timeout=60), "id")
    if not photo_id:
        raise Unavailable(Phrase("Facebook took an image and gave no id for it."))
    return photo_id


def stories_of(graph: Graph, session: Session, operation: Operation, media_id: str) -> list[Published]:
    """Return the story that was made of this photo or video, if the Page's list shows it."""
    account, since = operation.account, int((operation.began_at - LISTED_BEFORE).timestamp())
    stories = graph.edge(session, account.access_token, f"{account.remote_id}/stories", since=since)
    found = {post_id_of(account, dig_text(each, "post_id")): each for each in stories if _shows(each, media_id)}
    return [Published(remote_id=post_id, url=page_address(each, post_id, key="url")) for post_id, each in found.items()]


def _shows(story: Any, media_id: str) -> bool:
    return dig_text(story, "media_id") == media_id and bool(dig_text(story, "post_id"))


def _feed_fields(operation: Operation) -> dict[str, str]:
    content = operation.content
    photos = [{"media_fbid": uploaded(operation.handles, each.id)} for each in content.media]
    return {
        "message": content.text,
        "link": "" if photos else content.link,
        "attached_media": json.dumps(photos) if photos else "",
    }


def _is_it(post: Any, operation: Operation) -> bool:
    return _reads_as(dig_text(post, "message"), operation.text) and _has_the_photos(post, operation)


def _reads_as(shown: str, written: str) -> bool:
    """Whether a text is shown like this; Facebook replaces the id of a mentioned Page by its name."""
    text = comparable(shown)
    first, *rest = map(comparable, MENTION.split(written))
    if not any(rest) and (not rest or not first):
        return text == comparable(written)
    *middle, last = rest
    end = len(text) - len(last)
    at = len(first)
    for part in middle:
        found = text.find(part, at)
        at = end + 1 if found < 0 else found + len(part)
    return text.startswith(first) and text.endswith(last) and bool(text[at:end].strip())


def _has_the_photos(post: Any, operation: Operation) -> bool:
    """Whether the post shows the operation's photos, or none if it has none.

    One photo is shown with its id, which is unknown after a restore; several may be shown as an album, which has an id
    of its own. A link's target may also be shown as a video, but without an id.
    """
    files, shown, ours = _files(post), _shown(post), _ours(operation)
    if not operation.content.media:
        return not shown
    is_album = len(operation.content.media) > 1 and any(dig_text(each, "media_type") == "album" for each in files)
    return is_album or bool(shown & ours if ours else shown)


def _is_surely_it(post: Any, operation: Operation) -> bool:
    """Whether the post has one of our photos, or without photos our link, which no other post of this text has."""
    if operation.content.media:
        return bool(_shown(post) & _ours(operation))
    return _links(post) == [comparable(operation.content.link)]


def _files(post: Any) -> list[Any]:
    return [each for each in dig_list(post, "attachments", "data") if dig_text(each, "media_type") in FILES]


def _shown(post: Any) -> set[str]:
    """Return the ids of the files attached to a post."""
    return {dig_text(each, "target", "id") for each in _files(post)} - {""}


def _ours(operation: Operation) -> set[str]:
    """Return the ids of the photos that were uploaded for the operation."""
    return {uploaded(operation.handles, key) for key in operation.handles.get(UPLOADS, {})}


def _links(post: Any) -> list[str]:
    """Return the addresses that a post links to; a different one proves nothing: Facebook may show a page's own."""
    beside = [each for each in dig_list(post, "attachments", "data") if dig_text(each, "media_type") not in FILES]
    addresses = filter(None, (dig_text(each, "url") for each in beside))
    return [comparable(_destination(address)) for address in addresses]


def _destination(address: str) -> str:
    redirected = REDIRECT.match(address)
    return unquote(redirected[1]) if redirected else address


def _is_own_comment(comment: Any, operation: Operation) -> bool:
    is_ours = dig_text(comment, "from", "id") == operation.account.remote_id
    return is_ours and _reads_as(dig_text(comment, "message"), operation.text)
