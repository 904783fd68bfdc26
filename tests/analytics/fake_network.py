"""A fake network that gives the numbers of a test, and helpers that write posts for it."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from accounts.models import SocialAccount
from accounts.platforms.base import Connector, Session
from accounts.platforms.errors import Unavailable
from accounts.platforms.shapes import Account, AccountNumbers, App, PostNumbers, Profile, Tokens
from analytics.models import AccountSync, TargetNumbers
from analytics.reading import read
from analytics.settling import SyncResult
from analytics.sync import claim_accounts
from ouipost import claims
from ouipost.writer import Inline
from posts.models import Post, Target
from tests.accounts.fakes import answer
from tests.factories import make_account, make_post
from tests.posts.fakes import never
from workspaces.models import Workspace

MANY = 100


class FakeNumbers(Connector):
    """Stands for every network; `posts` has the numbers of some posts, all others have ten impressions."""

    id = "facebook"
    name = "Paper"

    def __init__(self) -> None:
        super().__init__(App(client_id="app"))
        self.metrics_batch = MANY  # type: ignore[misc]
        self.asked: list[tuple[str, list[str]]] = []
        """The account and the posts of each call; no posts in a call for the account itself."""
        self.deadlines: list[float] = []
        """The deadline of each call for posts."""
        self.posts: dict[str, Any] = {}
        self.addresses: dict[str, str] = {}
        self.account: Any = AccountNumbers(followers=7)
        self.shown: Any = Unavailable("Not now.")
        """The profile of each account."""
        self.meanwhile: Callable[[], Any] = lambda: None
        """A function to call during each call for posts."""
        self.cost = 0
        """The number of requests of a call."""
        self.refreshed: Any = Tokens(access_token="renewed", refresh_token="refresh")

    def post_metrics(
        self, session: Session, account: Account, remote_ids: Sequence[str], *, now: datetime
    ) -> dict[str, PostNumbers]:
        self.asked.append((account.remote_id, list(remote_ids)))
        self.deadlines.append(session.deadline)  # type: ignore[attr-defined]
        session.requests += self.cost  # type: ignore[attr-defined]
        self.meanwhile()
        found = {each: answer(self.posts.get(each, seen(10))) for each in remote_ids}
        return {each: numbers for each, numbers in found.items() if numbers is not None}

    def permalink(self, session: Session, account: Account, remote_id: str) -> str:
        return self.addresses.get(remote_id, "")

    def account_metrics(self, session: Session, account: Account, *, now: datetime) -> AccountNumbers:
        self.asked.append((account.remote_id, []))
        session.requests += self.cost  # type: ignore[attr-defined]
        numbers: AccountNumbers = answer(self.account)
        return numbers

    def profile(self, session: Session, account: Account) -> Profile:
        profile: Profile = answer(self.shown)
        return profile

    def refresh(self, session: Session, account: Account, *, now: datetime) -> Tokens:
        tokens: Tokens = answer(self.refreshed)
        return tokens


def seen(impressions: int, **values: Any) -> PostNumbers:
    given: dict[str, Any] = {"impressions": impressions, "engagement": impressions // 10, "own": {"likes": 1}}
    return PostNumbers(**given | values)


def connect(workspace: Workspace, remote_id: str = "1001", **values: Any) -> SocialAccount:
    """Connect an account without due readings before tomorrow."""
    account = make_account(workspace, remote_id=remote_id, **{"default_of": None} | values)
    tomorrow = claims.database_now() + timedelta(days=1)
    AccountSync.objects.create(account=account, due_at=tomorrow, account_due_at=tomorrow)
    return account


def make_published(account: SocialAccount, *remote_ids: str, at: datetime, **values: Any) -> list[Target]:
    """Write posts that were published at this time."""
    targets = []
    for remote_id in remote_ids:
        post = make_post(account.workspace, accounts=[account], status="published")
        Target.objects.filter(post=post).update(**{"published_at": at, "remote_id": remote_id} | values)
        targets.append(Target.objects.get(post=post))
    return targets


def read_due() -> list[SyncResult]:
    """Read each account with due readings, here and now; returns the results of the claims that were not lost."""
    jobs = claim_accounts(MANY, share=MANY, busy=Counter(), workspace_id="")
    results = [read(job.claim, writer=Inline(), is_ending=never) for job in jobs]
    return [result for result in results if result is not None]


def sync_of(account: SocialAccount) -> AccountSync:
    return AccountSync.objects.get(pk=account.pk)


def numbers_of(target: Target) -> TargetNumbers:
    return TargetNumbers.objects.get(target=target)


def post_of(target: Target) -> Post:
    return Post.objects.get(pk=target.post_id)
