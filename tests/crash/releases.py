"""The previous release, whose workers run beside new ones while its tables are migrated.

The previous release is the commit before the one with the latest migration.
"""

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tests.crash import deliveries, storms
from tests.crash.campaign import Campaign, Numbers
from tests.crash.matrix import Stage
from tests.databases import fresh_database
from tests.product import NETWORKS, ROOT, SPEED, running

ACCOUNTS = 12
STUCK_SECONDS = 120
MIGRATION = re.compile(r"^\w+\.\d{4}_", re.MULTILINE)
"""One of a plan's headings."""


class NoHistory(Exception):
    """There is no git history with an older release."""


@dataclass(kw_only=True)
class Deployment:
    """One installation with the code of either release; its tables and its web process are of the old one."""

    old: Stage
    new: Stage


@contextmanager
def place(home: Path, server: str | None = None, *, speed: int = SPEED) -> Iterator[Deployment]:
    """Give an installation of the old release without a worker; raises NoHistory if there is none."""
    before = home / "before"
    _export(before)
    with fresh_database(home, server) as url, running(home, url, speed=speed, root=before) as product:
        new = copy(product)
        new.root = ROOT
        yield Deployment(old=Stage(product=product, runner="work"), new=Stage(product=new, runner="work"))


def _export(folder: Path) -> None:
    """Write the files of the release before this one into a folder."""
    first = ("--first-parent", "--diff-merges=first-parent", "--name-only")  # merged ones had other numbers before
    added = ("log", "-1", *first, "--diff-filter=A", "--format=%H", "--", "*/migrations/0*.py")
    latest = _git(*added).decode().split()[0]
    with tarfile.open(fileobj=BytesIO(_git("archive", f"{latest}^"))) as archive:
        archive.extractall(folder, filter="data")


def _git(*command: str) -> bytes:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        raise NoHistory("an older release beside this one, which needs git and this repository's history")
    done = subprocess.run([git, *command], cwd=ROOT, check=False, capture_output=True)
    if done.returncode or not done.stdout:
        raise NoHistory("an older release beside this one: the repository's history does not go back to it")
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Deployed(deliveries.Published):
    """The results of posts that both releases published, and of the old release's posts during the migration."""

    migrations: int
    """The number of migrations that were run."""
    meanwhile: Numbers

    @property
    def is_good(self) -> bool:
        return super().is_good and self.meanwhile.is_good and self.migrations > 0


def deploy(place: Deployment, *, publications: int, seconds: float) -> Deployed:
    """Change the tables while the old release publishes, then kill workers of both at random while posts fall due."""
    campaign = Campaign(place.old.product)
    with storms.workers(place.old):
        storms.schedule(campaign, storms.connect(campaign, ACCOUNTS, *NETWORKS), seconds=5, per_second=4)
        plan = place.new.product.manage("migrate", "--plan")
        place.new.product.manage("migrate", "--verbosity=0")
        campaign.wait(seconds=STUCK_SECONDS)
    seen = deliveries.publish_under_kills(
        place.new, *NETWORKS, publications=publications, seconds=seconds, beside=place.old
    )
    return Deployed(**vars(seen), migrations=len(MIGRATION.findall(plan)), meanwhile=campaign.numbers())
