"""The claim at full size on MariaDB: `python -m tests.crash.claims` prints the figures.

200,000 rows of which 5,000 are due: no query sorts, none reads more targets than three times what is claimed, and four
claimers take at least 500 a second and none of them twice. Exits 1 when that does not hold.
"""

import os
import sys

from tests.services import database

ROWS, DUE, ACCOUNTS, CLAIMERS = 200_000, 5_000, 500, 4
RATE = 500
POOL = "--innodb-buffer-pool-size=2G"
"""All rows are in memory, as a production's are."""


def main() -> int:
    with database(POOL) as url:
        os.environ |= {"DATABASE_URL_TEST": url, "DJANGO_SETTINGS_MODULE": "ouipost.settings"}
        return measure()


def measure() -> int:
    """Fill a database of this run's own, and measure; returns 1 when a figure is missed."""
    import tests.environment  # noqa: F401, I001 (reads the variable that main sets, and is read by the settings)
    import django

    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    from tests.posts import scale

    databases = setup_databases(verbosity=0, interactive=False)
    try:
        scale.fill(rows=ROWS, due=DUE, accounts=ACCOUNTS)
        plans = scale.plans()
        figures = scale.claim_all(claimers=CLAIMERS)
    finally:
        teardown_databases(databases, verbosity=0)
    print(*plans, figures, sep="\n")  # noqa: T201
    is_good = all(plan.is_lean for plan in plans) and not figures.doubled and figures.rate >= RATE
    return int(not is_good)


if __name__ == "__main__":
    sys.exit(main())
