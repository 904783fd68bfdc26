"""Names that turn what stands beside them around, and finding where they could."""

import re
from html.parser import HTMLParser

from accounts.models import SocialAccount
from adminapi.jobs.models import JobRow
from posts.models import Media, Post, Schedule
from workspaces.models import ApiKey, User, Workspace

TURNED = "Rye\u202e"
"""A name that has what follows it shown from the right to the left."""
APART = re.compile("\u2068[^\u2069]*\u2069")
EMPTY = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
UNSEEN = {"script", "style", "template", "title"}


def name_all(name: str) -> None:
    """Call everything that people name by this name, and have all posts say it."""
    for model in (Workspace, SocialAccount, Schedule, ApiKey, User, JobRow):
        model._default_manager.update(name=name)
    Post.objects.update(content=name, title=name)
    Media.objects.update(filename=name)


class Beside(HTMLParser):
    """Collects the texts of elements that have such a name, and more that is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, list[str], list[str]]] = []
        """The elements that are open, each with the texts that are its own, and with all that is in it."""
        self.found: list[str] = []

    @classmethod
    def in_page(cls, page: str) -> list[str]:
        parser = cls()
        parser.feed(page)
        return parser.found

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in EMPTY:
            self.open.append((tag, [], []))

    def handle_data(self, data: str) -> None:
        if self.open:
            _tag, own, whole = self.open[-1]
            own.append(APART.sub("", data))
            whole.append(data)

    def handle_endtag(self, tag: str) -> None:
        if all(tag != each for each, _own, _whole in self.open):
            return
        while self.open:
            name, own, whole = self.open.pop()
            text = " ".join("".join(whole).split())
            if name not in UNSEEN and TURNED in "".join(own) and text != TURNED:
                self.found.append(text)
            if self.open:
                self.open[-1][2].extend(whole)
            if name == tag:
                return
