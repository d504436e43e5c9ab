"""What other tools write, as it stands in their sources, and what becomes of it."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from ecrm_privacy.consent.imported import ImportedAnswer
from ecrm_privacy.errors import Malformed
from ecrm_privacy.imports import Importer, Report
from ecrm_privacy.moving.answers import reader
from tests.unit.policy.policies import SHIPPED

VANILLA = """
from = "vanilla-cookieconsent"
[notices]
"0" = "shop@1"
[answers]
analytics = "measure"
"analytics/matomo" = {rule = "model.contribute", asked_from = 2025-06-01}
marketing = {rule = "advertise", closes = ["share"]}
"""
COOKIE = {
    "categories": ["necessary", "analytics"], "revision": 0, "data": None,
    "consentTimestamp": "2025-03-01T08:00:00.000Z", "consentId": "0f7c34f0-6b0a-4b22-8f0b-0d3a3c1f0a11",
    "services": {"necessary": [], "analytics": ["matomo"], "marketing": []}, "languageCode": "de",
    "lastConsentTimestamp": "2025-03-02T09:30:00.000Z", "expirationTime": 1756717800000,
}  # fmt: skip
COOKIE_2 = {
    "categories": ["necessary"], "level": ["necessary"], "revision": 0, "data": None, "rfc_cookie": False,
    "consent_date": "2022-05-01T08:00:00.000Z", "consent_uuid": "5a0c7c1e-8f3c-4b5d-9a39-0b7b4a3f5a77",
    "last_consent_update": "2022-05-02T08:00:00.000Z",
}  # fmt: skip
KLARO = """
from = "klaro"
customer_number = {column = "user"}
at = {column = "received"}
[notices]
"*" = "shop@1"
[answers]
matomo = "measure"
"meta-pixel" = "advertise"
"youtube" = "personalize"
"""
C15T = """
from = "c15t"
[notices]
"1.0.0" = "shop@1"
[answers]
measurement = "measure"
marketing = "advertise"
marketing_communications = "offers"
"""
SUBMITTED = {
    "location_data": {"pathname": "/", "port": 0, "hostname": "shop.example", "protocol": "https"},
    "user_data": {"client_version": "v0.7.22", "client_name": "klaro:web"},
}


def taken(folder: Path, mapping: str, lines: Sequence[Any], name: str = "export.ndjson") -> tuple[Any, Report]:
    """Read lines as `ecrm import answers` does: what would be taken, as (number, rule → answer), and the report."""
    path, toml = folder / name, folder / "mapping.toml"
    toml.write_text(mapping)
    path.write_text(_csv(lines) if name.endswith(".csv") else "\n".join(map(json.dumps, lines)))

    async def nowhere(records: Sequence[ImportedAnswer]) -> list[str]:
        return ["stored"] * len(records)

    found, report = reader(SHIPPED)(path, Importer("answers", ImportedAnswer, nowhere), toml)
    return [msgspec.json.decode(line, type=ImportedAnswer) for line in found], report


def _csv(rows: Sequence[Any]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def said(line: ImportedAnswer) -> dict[str, str]:
    """What a line says, by our rules."""
    return {
        "/".join(part or "" for part in (a.purpose, a.channel, a.recipient) if part is not None): a.answer.value
        for a in line.answers
    }


@pytest.mark.parametrize("form", ["object", "cookie", "json", "log"])
def test_a_cookie_of_vanilla_cookieconsent(tmp_path: Path, form: str) -> None:
    """Version 3: what it does not list was refused, once it was asked; its end is the end here."""
    row: dict[str, Any] = {"customer_number": "C-1"}
    row |= {
        "object": {"record": COOKIE},
        "cookie": {"record": quote(json.dumps(COOKIE))},
        "json": {"record": json.dumps(COOKIE)},
        "log": COOKIE,
    }[form]
    (line,), report = taken(tmp_path, VANILLA, [row], "x.ndjson" if form in {"object", "log"} else "x.csv")
    assert said(line) == {
        "measure": "given", "model.contribute": "given", "advertise": "withdrawn", "share": "withdrawn",
    }  # fmt: skip
    assert line.at.isoformat() == "2025-03-02T09:30:00+00:00"
    assert (line.notice, str(line.until)) == ("shop@1", "2025-09-01")
    assert line.evidence == ("vanilla-cookieconsent 3, revision 0, record 0f7c34f0-6b0a-4b22-8f0b-0d3a3c1f0a11")
    assert report.bad_lines == 0


def test_a_cookie_of_version_2(tmp_path: Path) -> None:
    """It calls its times and its name otherwise; what was not yet asked then is not known."""
    (line,), _ = taken(tmp_path, VANILLA, [{"customer_number": "C-1", "record": COOKIE_2}])
    assert said(line) == {"measure": "withdrawn", "advertise": "withdrawn", "share": "withdrawn"}
    assert line.at.isoformat() == "2022-05-02T08:00:00+00:00"
    assert line.evidence.startswith("vanilla-cookieconsent 2")


def test_what_its_page_on_logging_sends(tmp_path: Path) -> None:
    """Accepted and rejected categories, with a time of the shop's own server."""
    row = {
        "customer_number": "C-1", "at": "2025-07-01 10:00:00+02", "consentId": "x", "acceptType": "custom",
        "acceptedCategories": ["necessary", "marketing"], "rejectedCategories": ["analytics"],
    }  # fmt: skip
    (line,), _ = taken(tmp_path, VANILLA, [row])
    assert said(line) == {"measure": "withdrawn", "model.contribute": "withdrawn", "advertise": "given"}
    assert line.at.isoformat() == "2025-07-01T08:00:00+00:00"


def test_another_revision_gives_no_yes(tmp_path: Path) -> None:
    """A yes to a text that nobody says was ours is none; its no's stay."""
    (line,), report = taken(tmp_path, VANILLA, [{"customer_number": "C-1", "record": COOKIE | {"revision": 7}}])
    assert said(line) == {"advertise": "withdrawn", "share": "withdrawn"}
    assert (line.notice, sum(report.dropped.values())) == ("unknown@1", 3)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("accept", {"measure": "given", "advertise": "withdrawn"}),
        ("save", {"measure": "given", "advertise": "withdrawn"}),
        ("decline", {"advertise": "withdrawn"}),
        ("script", {"advertise": "withdrawn"}),
        ("contextual-accept", {}),
        ("show", {}),
    ],
)
def test_a_consent_record_of_klaro(tmp_path: Path, kind: str, expected: dict[str, str]) -> None:
    """What a `decline` leaves on is required, and nobody's choice; a service that it does not know stays unknown."""
    data = {"consents": {"matomo": True, "meta-pixel": False}, "type": kind, "config": "default"}
    row = {"user": "C-1", "received": 1751364000, **SUBMITTED, "consent_data": data}
    lines, report = taken(tmp_path, KLARO, [row])
    assert [said(line) for line in lines] == ([expected] if expected else [])
    assert bool(report.outcomes) == (not expected)
    assert all(line.evidence == f"Klaro consent record, {kind}" for line in lines)


def test_a_cookie_of_klaro(tmp_path: Path) -> None:
    """It has no time: the export says when it was seen."""
    row = {"user": "C-1", "received": "2025-07-01", "record": quote('{"matomo":true,"meta-pixel":false,"x":true}')}
    (line,), _ = taken(tmp_path, KLARO, [row], "x.csv")
    assert said(line) == {"measure": "given", "advertise": "withdrawn"}
    assert (line.evidence, line.at.date().isoformat()) == ("Klaro cookie", "2025-07-01")


def tables(folder: Path, **more: list[dict[str, Any]]) -> None:
    """The tables of c15t beside `consent`."""
    found: dict[str, list[dict[str, Any]]] = {
        "subject": [{"id": "sub_1", "externalId": "C-1"}, {"id": "sub_2", "externalId": None}],
        "consentPurpose": [{"id": "pur_1", "code": "measurement"}, {"id": "pur_2", "code": "necessary"}],
        "consentPolicy": [
            {"id": "pol_1", "version": "1.0.0", "type": "cookie_banner"},
            {"id": "pol_2", "version": "1.0.0", "type": "marketing_communications"},
        ],
        **more,
    }
    for name, rows in found.items():
        (folder / f"{name}.ndjson").write_text("\n".join(map(json.dumps, rows)))


CONSENT = {
    "id": "cns_1", "subjectId": "sub_1", "domainId": "dom_1", "policyId": "pol_1",
    "purposeIds": {"json": ["pur_1", "pur_2"]}, "givenAt": "2025-07-01T08:00:00.000Z", "validUntil": None,
    "jurisdiction": "GDPR", "jurisdictionModel": "opt-in", "consentAction": "custom", "uiSource": "dialog",
}  # fmt: skip


def test_the_tables_of_c15t(tmp_path: Path) -> None:
    """A purpose that is not among those that were consented to was refused."""
    tables(tmp_path)
    (line,), _ = taken(tmp_path, C15T, [CONSENT, CONSENT | {"subjectId": "sub_2"}], "consent.ndjson")
    assert said(line) == {"measure": "given", "advertise": "withdrawn", "offers": "withdrawn"}
    assert line.evidence == "c15t 2, cookie_banner, record cns_1"


def test_the_tables_of_c15t_as_csv(tmp_path: Path) -> None:
    """As PostgreSQL copies them out, also with the names that an adapter gave the columns."""
    tables(tmp_path)
    row = {
        "id": "cns_1", "subject_id": "sub_1", "policy_id": "pol_1", "purpose_ids": '{"json": ["pur_1"]}',
        "given_at": "2025-07-01 08:00:00.12+00", "valid_until": "2026-01-01 00:00:00+00", "status": "active",
        "is_active": "t",
    }  # fmt: skip
    (line,), _ = taken(tmp_path, C15T, [row], "consent.csv")
    assert said(line)["measure"] == "given"
    assert (line.evidence, str(line.until)) == ("c15t 1, cookie_banner, record cns_1", "2026-01-01")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"jurisdictionModel": "opt-out", "consentAction": "custom"}, None),
        ({"jurisdictionModel": "opt-out", "consentAction": "accept_all"}, "given"),
        ({"runtimePolicyDecisionId": "rpd_1"}, None),
        ({"runtimePolicyDecisionId": "rpd_1", "consentAction": "accept_all"}, "given"),
        ({"purposeIds": {"json": []}, "consentAction": "reject_all"}, "withdrawn"),
        ({"status": "withdrawn"}, "withdrawn"),
        ({"isActive": False}, "withdrawn"),
    ],
)
def test_a_yes_in_c15t_that_nobody_chose(tmp_path: Path, more: dict[str, Any], expected: str | None) -> None:
    """What was on under an opt-out law, or ticked beforehand, is no yes; what was taken back is a no."""
    tables(tmp_path, runtimePolicyDecision=[{"id": "rpd_1", "preselectedCategories": {"json": ["measurement"]}}])
    (line,), _ = taken(tmp_path, C15T, [CONSENT | more], "consent.ndjson")
    assert said(line).get("measure") == expected


def test_a_document_that_was_accepted_refuses_nothing(tmp_path: Path) -> None:
    """A consent of c15t without purposes to something else than a banner says yes to that alone."""
    tables(tmp_path)
    row = CONSENT | {"policyId": "pol_2", "purposeIds": {"json": []}, "consentAction": None}
    (line,), _ = taken(tmp_path, C15T, [row], "consent.ndjson")
    assert said(line) == {"offers": "given"}


def test_tables_that_are_missing_or_of_several_shops_are_refused(tmp_path: Path) -> None:
    """Whose answers, and where they were given, must be known before anything is taken."""
    with pytest.raises(Malformed, match="the table subject stands beside it"):
        taken(tmp_path, C15T, [CONSENT], "consent.ndjson")
    domains = [{"id": "dom_1", "name": "a.example"}, {"id": "dom_2", "name": "b.example"}]
    tables(tmp_path, domain=domains)
    with pytest.raises(Malformed, match="2 domains"):
        taken(tmp_path, C15T, [CONSENT], "consent.ndjson")
    here = C15T.replace('from = "c15t"', 'from = "c15t"\ndomain = "b.example"')
    lines, report = taken(tmp_path, here, [CONSENT, CONSENT | {"domainId": "dom_2"}], "consent.ndjson")
    assert (len(lines), report.outcomes) == (1, {"of another domain": 1})


def test_a_table_in_our_own_words(tmp_path: Path) -> None:
    """One answer in a row, to a purpose, a channel or a recipient; the newest counts, and the no of two at once."""
    columns = ["customer_number", "purpose", "channel", "recipient", "answer", "at", "notice", "evidence"]
    rows = [
        ["C-1", "offers", "", "", "given", "2025-01-01", "shop@1", "form 7"],
        ["C-1", "offers", "email", "", "refused", "2025-01-01", "shop@1", ""],
        ["C-1", "offers", "email", "", "yes", "2025-02-01", "shop@1", "letter"],
        ["C-1", "share", "", "tea-guild", "yes", "2025-02-01", "shop@1", ""],
        ["C-1", "share", "", "tea-guild", "no", "2025-02-01", "shop@1", ""],
        ["C-2", "share", "email", "tea-guild", "yes", "2025-02-01", "shop@1", ""],
    ]
    lines, report = taken(tmp_path, 'from = "table"', [dict(zip(columns, row, strict=True)) for row in rows], "x.csv")
    assert [said(line) for line in lines] == [
        {"offers": "given"}, {"offers/email": "given"}, {"share/tea-guild": "withdrawn"}
    ]  # fmt: skip
    assert [line.evidence for line in lines] == ["table: form 7", "table: letter", "table"]
    assert [line.number for line in report.bad] == [7], "about both it is less than about either"


def test_a_table_may_have_names_of_its_own(tmp_path: Path) -> None:
    """Beside ours, of which nobody has to have said any; where two of theirs are one of ours, both must say yes."""
    mapping = 'from = "table"\n[answers]\ntracking = "measure"\nletters = "offers"\ncalls = "offers"'
    said_by = {
        "C-1": {"tracking": "yes", "letters": "yes"},
        "C-2": {"measure": "yes", "tracking": "no"},
        "C-3": {"letters": "yes", "calls": "yes", "personalize": "yes"},
    }
    rows = [
        {"customer_number": number, "purpose": name, "answer": word, "at": "2025-02-01", "notice": "shop@1"}
        for number, answers in said_by.items()
        for name, word in answers.items()
    ]
    found: dict[str, dict[str, str]] = {}
    for line in taken(tmp_path, mapping, rows)[0]:
        found.setdefault(line.customer_number, {}).update(said(line))
    assert found == {
        "C-1": {"measure": "given"},
        "C-2": {"measure": "withdrawn"},
        "C-3": {"offers": "given", "personalize": "given"},
    }


def test_a_yes_to_a_policy_that_nobody_named_is_told(tmp_path: Path) -> None:
    """It is none of ours, and its reason is its own; a no needs no policy."""
    mapping = 'from = "table"'
    row = {"customer_number": "C-1", "at": "2025-02-01", "notice": "their own"}
    rows = [row | {"purpose": "offers", "answer": "yes"}, row | {"purpose": "measure", "answer": "no"}]
    (line,), report = taken(tmp_path, mapping, rows)
    assert said(line) == {"measure": "withdrawn"}
    assert report.dropped == {"a yes to a policy that [notices] does not name": 1}


def test_what_is_not_mapped_is_named(tmp_path: Path) -> None:
    """A name that five records have; what stands in fewer could be about somebody, and is counted."""
    record = {"matomo": True, "hotjar": True}
    rows = [{"user": f"C-{n}", "received": "2025-07-01", "record": record | {f"anna{n}": True}} for n in range(5)]
    _, report = taken(tmp_path, KLARO, rows)
    assert report.dropped == {
        "`hotjar`, which is not mapped": 5,
        "names that are not mapped, each in fewer than five records": 5,
    }


def test_beside_a_line_that_cannot_be_read_no_yes_is_taken(tmp_path: Path) -> None:
    """It may have been a no. It is named by its number, and nothing of it is shown."""
    good = {"user": "C-1", "received": "2025-07-01", "record": {"matomo": True, "meta-pixel": False}}
    bad = {"user": "C-1", "received": "2025-07-02", "record": {"matomo": "Anna Schmidt"}}
    lines, report = taken(tmp_path, KLARO, [good, bad, good | {"user": "C-2"}])
    assert [(line.customer_number, said(line).get("measure")) for line in lines] == [("C-1", None), ("C-2", "given")]
    assert [line.number for line in report.bad] == [2]
    assert "Anna" not in str(report) and "matomo" not in report.bad[0].cause


@pytest.mark.parametrize(
    ("mapping", "cause"),
    [
        ('from = "klaro"\n[answers]\na = "nothing"', "no purpose, channel or recipient 'nothing'"),
        ('from = "klaro"\n[answers]\na = {rule = "measure", closes = ["x"]}', "recipient 'x'"),
        ('from = "klaro"\n[answers]\na = "order"', "'order' is required"),
        ('from = "klaro"\n[notices]\na = "shop@7"', "no notice 'shop@7'"),
        ('from = "osano"', "from"),
        ('from = "klaro"\nanwers = 1', "anwers"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(tmp_path: Path, mapping: str, cause: str) -> None:
    """Before a line is read."""
    with pytest.raises(Malformed, match=cause):
        taken(tmp_path, mapping, [])
