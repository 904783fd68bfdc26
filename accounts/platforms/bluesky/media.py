"""Files for Bluesky: images and link cards; videos are in `video`. https://docs.bsky.app/docs/api"""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from accounts.platforms.base import Connector, Save, Session
from accounts.platforms.bluesky.api import service_of, xrpc
from accounts.platforms.bluesky.atproto import CARD
from accounts.platforms.bluesky.video import DROPPED, LIVES, UPLOAD, VideoUpload
from accounts.platforms.errors import Rejected, Unavailable, Unknown
from accounts.platforms.http import bearer, dig, dig_text
from accounts.platforms.linkcard import fetch_link_card
from accounts.platforms.shapes import Account, Handles, Media, Operation
from accounts.platforms.uploads import UPLOADS, upload_missing
from ouipost.phrases import Phrase


def prepare(connector: Connector, session: Session, operation: Operation, save: Save) -> Handles:
    """Upload the post's files or card, and return the handles; raises StillWorking while a video is processed."""
    account, content = operation.account, operation.content
    if content.video:
        return VideoUpload(connector, session, operation, save).run()
    steps: dict[str, Callable[[], Any]]
    if content.link and not content.media:
        steps = {CARD: partial(_card, connector, session, account, content.link)}
    else:
        steps = {each.id: partial(_upload_image, connector, session, account, each) for each in content.media}
    return upload_missing(operation, save, steps, not_before=operation.now - LIVES)


def without_uploads(operation: Operation) -> Handles:
    """Return the handles for the next try if the server has dropped the uploads, which are made again."""
    kept = {name: value for name, value in operation.handles.items() if name != UPLOADS}
    return kept | ({DROPPED: kept.get(DROPPED, 0) + 1} if operation.content.video else {})


def _upload_image(connector: Connector, session: Session, account: Account, media: Media) -> Any:
    return _upload(connector, session, account, media.read(), media.mime_type)


def _upload(connector: Connector, session: Session, account: Account, content: bytes, mime_type: str) -> Any:
    url = xrpc(service_of(account), UPLOAD)
    headers = bearer(account.access_token) | {"Content-Type": mime_type}
    blob = dig(connector.call(session, "POST", url, headers=headers, data=content, timeout=60), "blob")
    if not isinstance(blob, dict):
        raise Unavailable(Phrase("Bluesky took an image and did not say where it is."))
    return blob


def _card(connector: Connector, session: Session, account: Account, link: str) -> Any:
    card = fetch_link_card(session, link)
    external = {"uri": link, "title": card.title or link, "description": card.description}
    if card.picture:
        # A post without its link's picture is better than none; servers detect the type, whatever the page claims.
        with suppress(Rejected, Unavailable, Unknown):
            thumb = _upload(connector, session, account, card.picture.content, card.picture.mime_type)
            external |= {"thumb": thumb} if dig_text(thumb, "mimeType").startswith("image/") else {}
    return external
