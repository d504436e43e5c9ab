"""Which law a region has, and that the shipped documents are the laws as they were found."""

import pytest

from ecrm_privacy.policy.documents import Period
from ecrm_privacy.policy.transfers import EEA
from tests.unit.policy.policies import SHIPPED

LAWS = SHIPPED.jurisdictions
STATES = [
    "ca",
    "va",
    "co",
    "ct",
    "ut",
    "tx",
    "or",
    "fl",
    "mt",
    "de",
    "ia",
    "ne",
    "nh",
    "nj",
    "tn",
    "mn",
    "md",
    "in",
    "ky",
    "ri",
]
"""The states of the United States with a comprehensive law in force on 22 November 2026."""
BINDING = ["ca", "co", "ct", "de", "md", "mn", "mt", "ne", "nh", "nj", "or", "tx"]
"""Those of them under which Global Privacy Control binds."""


def days(period: Period) -> int:
    return period.months * 31 + period.days


@pytest.mark.parametrize(
    ("region", "document"),
    [
        ("us-ca", "us-ca"),
        ("us-zz", "us"),
        ("us", "us"),
        ("us-ca-la", "us-ca"),
        ("de", "eu"),
        ("de-by", "eu"),
        ("no", "eu"),
        ("gb", "uk"),
        ("gb-sct", "uk"),
        ("uk", "uk"),
        ("ch", "ch"),
        ("br", "br"),
        ("ca", "ca"),
        ("ca-on", "ca"),
        ("ca-qc", "ca-qc"),
        ("jp", "default"),
        ("default", "default"),
        ("", "default"),
        ("-", "default"),
        ("-us", "default"),
    ],
)
def test_a_region_has_its_own_law_before_its_countrys_before_the_default(region: str, document: str) -> None:
    """Part of a country, country, default; and a document says which other countries it covers."""
    assert SHIPPED.jurisdiction(region).name == document


@pytest.mark.parametrize(
    ("region", "years"),
    [("at", 14), ("de", 16), ("de-by", 16), ("fr", 15), ("fr-75", 15), ("be", 13), ("dk", 15), ("gb", 13),
     ("ca-qc", 14), ("us-md", 18), ("us-wy", 13), ("jp", 18)],
)  # fmt: skip
def test_the_age_is_that_of_the_country(region: str, years: int) -> None:
    """Member states have ages of their own between 13 and 16; who is nowhere known has the highest."""
    assert SHIPPED.age_of_consent(region) == years


def test_the_european_economic_area_has_one_law() -> None:
    """All of it is covered by one document, and no age is outside what GDPR 8(1) allows."""
    assert set(LAWS["eu"].covers) == EEA
    assert all(13 <= years < 16 for years in LAWS["eu"].ages.values())


def test_each_state_with_a_law_has_a_document() -> None:
    """Twenty states, each by its own law, and of each whether the signal binds."""
    assert sorted(f"us-{state}" for state in STATES) == sorted(name for name in LAWS if name.startswith("us-"))
    assert sorted(f"us-{state}" for state in BINDING) == sorted(
        name for name, law in LAWS.items() if law.signal_binds and name.startswith("us-")
    )
    by_silence = {name for name, law in LAWS.items() if not law.special_needs_yes}
    assert by_silence == {"us-ca", "us-ut", "us-ia"}


def test_every_law_is_cited() -> None:
    """Each document but the default says where its facts stand."""
    assert [name for name, law in LAWS.items() if not law.sources] == ["default"]


def test_the_default_is_the_strictest() -> None:
    """Where no law is known, nothing is laxer than anywhere: age, days, signal, silence."""
    unknown = LAWS["default"]
    for law in LAWS.values():
        assert unknown.age_of_consent_years >= law.age_of_consent_years
        assert days(unknown.answer_within) <= days(law.answer_within)
        assert days(unknown.extension) <= days(law.extension)
        assert unknown.ask_again_after_days >= law.ask_again_after_days
        assert unknown.asks_first >= law.asks_first
        assert unknown.signal_binds >= law.signal_binds
        assert unknown.special_needs_yes >= law.special_needs_yes
