"""What a copy of one's data looks like on a page."""

from ecrm_privacy.vocabulary import Channel, Purpose
from ecrm_privacy.web import letter
from ecrm_privacy.web.texts import texts
from tests.unit.policy.policies import SHIPPED


def test_a_table_keeps_the_order_of_its_record() -> None:
    """A column that only a later line fills stands where the record has it, and one that none fills is left out."""
    said = {"purpose": "offers", "channel": "", "recipient": "", "status": "given"}
    package = {"about_you": [{"answers": {"current": [said, said | {"channel": "email", "status": "requested"}]}}]}
    (section,) = letter.sections(package, SHIPPED, "en", texts("en"))
    assert section["tables"][0]["columns"] == ["purpose", "channel", "status"]


def test_a_copy_is_in_words() -> None:
    """What has a word in the reader's language is said by it; a title, and what has none, as it is."""
    answer = {"purpose": "offers", "channel": "email", "status": "requested", "since": "2026-05-03"}
    held = {
        "answers": {"current": [answer]},
        "requests": [{"kind": "access", "status": "fulfilled"}, {"kind": "restriction", "status": "revoked"}],
        "sessions": [{"signed_in": True}],
        "behaviour": {"events": [{"type": "purchase", "title": "Matcha", "at": "2026-05-03T22:09:00Z"}]},
    }
    made = letter.sections({"about_you": [held]}, SHIPPED, "de", texts("de"))
    cells = [cell for section in made for table in section["tables"] for row in table["rows"] for cell in row]
    assert cells == [
        SHIPPED.purposes[Purpose("offers")].texts["de"].name, SHIPPED.channels[Channel("email")].texts["de"].name,
        "Um Bestätigung gebeten", "2026-05-03", "Eine Kopie meiner Daten", "Erledigt",
        "Die Verarbeitung einschränken", "Von Ihnen zurückgenommen", "Ja",
        "gekauft", "Matcha", "2026-05-03 22:09",
    ]  # fmt: skip
