"""What a copy of one's data looks like on a page."""

from ecrm_privacy.web import letter
from ecrm_privacy.web.texts import texts
from tests.unit.policy.policies import SHIPPED


def test_a_table_keeps_the_order_of_its_record() -> None:
    """A column that only a later line fills stands where the record has it, and one that none fills is left out."""
    said = {"purpose": "offers", "channel": "", "recipient": "", "status": "given"}
    package = {"about_you": [{"answers": {"current": [said, said | {"channel": "email", "status": "requested"}]}}]}
    (section,) = letter.sections(package, SHIPPED, "en", texts("en"))
    assert section["tables"][0]["columns"] == ["purpose", "channel", "status"]
