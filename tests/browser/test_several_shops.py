"""Several shops of one controller, each an origin of its own: one answer where they show one notice, else two."""

import pytest

from tests.browser.shops import DOMAIN, Shops
from tests.browser.visitor import Visit, Visitor, until


def asks(visitor: Visitor, shops: Shops, shop: str) -> bool:
    """Look at a shop's page; returns whether it asks, once it has heard what is allowed."""
    visitor.page.goto(shops.at(shop))
    until(visitor.page, "window.ecrm?.permissions.length > 0")
    return visitor.banner.count() == 1


@pytest.mark.parametrize("said", ["accept_all", "refuse_all"])
def test_one_answer_where_the_notice_is_one(come: Visit, shops: Shops, said: str) -> None:
    """Said in the tea shop it holds in the paper shop, which does not ask; the stall with its own notice does."""
    visitor = come()
    assert all(asks(visitor, shops, shop) for shop in ("paper", "stall", "tea"))
    visitor.press(said)
    allowed = "['personalize', 'stall'].map((purpose) => ecrm.allowed(purpose))"
    assert not asks(visitor, shops, "paper")
    assert visitor.page.evaluate(allowed) == [said == "accept_all", False]
    assert asks(visitor, shops, "stall")
    assert visitor.page.evaluate(allowed) == [False, False]
    visitor.press("accept_all")
    assert visitor.page.evaluate(allowed) == [False, True]
    for shop in ("stall", "tea", "paper"):
        assert not asks(visitor, shops, shop)
        assert visitor.page.evaluate(allowed) == ([False, True] if shop == "stall" else [said == "accept_all", False])
    assert {cookie["domain"] for cookie in visitor.context.cookies() if cookie["name"] == "ecrm_choice"} == {
        f".{DOMAIN}"
    }
