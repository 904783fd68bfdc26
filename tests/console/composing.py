"""What a browser sends of the page on which posts are written, and who sits before it."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import SocialAccount
from posts.models import Post
from tests.console.conftest import browser_of, member_of
from tests.factories import make_account, make_workspace
from tests.posts.media.pictures import picture
from workspaces.models import Workspace

UPLOAD = "/console/compose/files/"


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace(settings={"timezone": "Europe/Paris"})


@pytest.fixture
def staff(workspace: Workspace) -> Client:
    """An editor who works in the workspace."""
    return browser_of(member_of(workspace))


@pytest.fixture
def facebook(workspace: Workspace) -> SocialAccount:
    return make_account(workspace)


def written(*accounts: SocialAccount, **values: Any) -> dict[str, Any]:
    """Return what a browser sends of a page on which these accounts are chosen."""
    return {
        "content": "Fresh bread",
        "title": "",
        "link": "",
        "hashtags": "",
        "platforms": [account.pk for account in accounts],
        "section": [account.platform for account in accounts],
    } | values


def edit_address(post: Post) -> str:
    return reverse("console_compose_post", args=[post.pk])


def an_image(name: str = "bread.jpg", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture() if content is None else content, content_type="image/jpeg")
