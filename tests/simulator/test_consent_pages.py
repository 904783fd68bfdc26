"""What every consent page refuses, as a page: nobody can be sent back before the request is understood."""

from collections.abc import Mapping

import pytest

from tests.simulator import pinterest, youtube
from tests.simulator import test_facebook as facebook
from tests.simulator import test_instagram as instagram
from tests.simulator import test_linkedin as linkedin
from tests.simulator import test_threads as threads
from tests.simulator import test_tiktok as tiktok
from tests.simulator import test_twitter as twitter
from tests.simulator.conftest import CHALLENGE, Net, x_query
from tests.simulator.meta import IG_SCOPES, THREADS_SCOPES

pytestmark = pytest.mark.django_db(databases=["simulator"])

PAGES: Mapping[str, tuple[str, dict[str, str]]] = {
    "facebook": (facebook.DIALOG, facebook.QUERY),
    "instagram": (instagram.AUTHORIZE, instagram.QUERY),
    "twitter": (twitter.AUTHORIZE, x_query()),
    "linkedin": (f"{linkedin.WEB}/oauth/v2/authorization", linkedin.query(linkedin.SELF_SERVE)),
    "tiktok": (tiktok.AUTHORIZE, tiktok.query()),
    "youtube": (youtube.AUTH, youtube.query()),
    "pinterest": (pinterest.AUTHORIZE, pinterest.query()),
    "threads": (threads.AUTHORIZE, threads.QUERY),
}
"""The address of each, and a request that is understood."""
ALL: tuple[dict[str, str], ...] = (
    {"client_id": ""},
    {"redirect_uri": "javascript:alert(1)"},
    {"redirect_uri": "nowhere"},
    {"response_type": "token"},
)
SOME: Mapping[str, tuple[dict[str, str], ...]] = {
    "facebook": ({"scope": "everything"}, {"scope": "pages_show_list read_insights"}),
    "instagram": (
        {"scope": f"{IG_SCOPES},everything"},
        {"scope": "instagram_business_content_publish"},
        {"scope": IG_SCOPES.replace(",", " ")},
    ),
    "twitter": (
        *({"redirect_uri": "http://localhost:8000/done"}, {"state": ""}, {"scope": "tweet.read everything"}),
        *({"scope": ""}, {"code_challenge": "short"}, {"code_challenge_method": "plain"}),
    ),
    "linkedin": ({"state": ""},),
    "tiktok": (
        *({"redirect_uri": "http://app.example/callback"}, {"redirect_uri": f"{tiktok.BACK}?kept=1"}),
        *({"redirect_uri": tiktok.BACK + "x" * 500}, {"state": ""}, {"scope": "user.info.basic,everything"}),
        {"scope": ""},
    ),
    "youtube": (
        {"scope": f"{youtube.SCOPE}drive"},
        {"access_type": "sometimes"},
        {"code_challenge": CHALLENGE, "code_challenge_method": "plain"},
    ),
    "pinterest": ({"scope": ""}, {"scope": "pins:read,everything"}, {"scope": "boards:read pins:read"}),
    "threads": ({"scope": "threads_content_publish"}, {"scope": THREADS_SCOPES.replace(",", " ")}),
}
NAMED = {"twitter", "tiktok", "youtube", "pinterest"}
"""Networks whose page says what was wrong."""


@pytest.mark.parametrize(("network", "change"), [(name, each) for name in PAGES for each in (*ALL, *SOME[name])])
def test_a_consent_page_refuses_a_wrong_request(net: Net, network: str, change: dict[str, str]) -> None:
    address, right = PAGES[network]
    renamed = {"client_id": "client_key"} if network == "tiktok" else {}
    wrong = {renamed.get(name, name): each for name, each in change.items()}

    response = net.get(address, **right | wrong)

    assert response.status_code == 400
    assert network not in NAMED or next(iter(wrong)) in response.content.decode()
