"""The people of the demo whom a visitor may be."""

import json
from pathlib import Path

from ecrm_privacy import shipped
from ecrm_privacy.config import Config
from personalization import storefront
from personalization.interact import because


def test_one_person_is_offered_for_each_way_to_have_answered(tmp_path: Path) -> None:
    """The sign-in page offers people who differ in what they said, each with a note in words."""
    shop = shipped.demo_shop()
    customers = [json.loads(line) for line in (shop / "customers.ndjson").read_text().splitlines()]
    listed = [{"customer_number": one["customer_number"], "name": "Somebody", "email": "x"} for one in customers]
    (tmp_path / "demo.json").write_text(json.dumps({"customers": listed}))
    found = storefront.people(Config(data_dir=tmp_path), shop / "answers.ndjson")
    assert len(found) >= 4
    assert len({one.way for one in found}) == len({one.customer_number for one in found}) == len(found)
    assert all(because.text(way, locale) for way in storefront.SHOWN for locale in because.WORDS)


def test_without_data_nobody_is_offered(tmp_path: Path) -> None:
    """Before the demo made its file there is nobody to sign in as."""
    assert storefront.people(Config(data_dir=tmp_path), tmp_path / "answers.ndjson") == ()
