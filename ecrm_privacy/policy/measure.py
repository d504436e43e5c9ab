"""Whether a policy's jurisdictions promise what their laws demand: `laws` is the measure, with its sources."""

from collections.abc import Iterator, Mapping

from ecrm_privacy.policy.documents import DEFAULT_REGION, Bundle, JurisdictionDocument, Period

FACTS: Mapping[str, str] = {
    "asks_first": "silence is no yes here",
    "signal_binds": "Global Privacy Control is binding here",
    "special_needs_yes": "special categories need a yes here",
}


def against_the_law(bundle: Bundle, laws: Mapping[str, JurisdictionDocument]) -> Iterator[str]:
    """Where a jurisdiction of `bundle` is laxer than the law, or cites none, as "file: key: what"."""
    for name, document in bundle.jurisdictions.items():
        file = f"jurisdictions/{name}.toml:"
        if not document.sources and name != DEFAULT_REGION:
            yield f"{file} sources: missing: cite the law (law, article, address)"
        if name in laws:
            by = ", ".join(f"{source.law} {source.article}" for source in laws[name].sources) or "the strictest law"
            yield from (f"{file} {problem} ({by})" for problem in _laxer(document, laws[name]))


def unmeasured(bundle: Bundle, laws: Mapping[str, JurisdictionDocument]) -> Iterator[str]:
    """Jurisdictions of which this program knows no law, as "file: key: what"."""
    for name in bundle.jurisdictions:
        if name not in laws:
            yield f"jurisdictions/{name}.toml: sources: this program does not know that law: a person must compare them"


def _laxer(document: JurisdictionDocument, law: JurisdictionDocument) -> Iterator[str]:
    if document.age_of_consent_years < law.age_of_consent_years:
        yield f"age_of_consent_years: {document.age_of_consent_years}, the law says {law.age_of_consent_years}"
    for region, years in document.ages.items():
        lawful = law.ages.get(region, law.age_of_consent_years)
        if years < lawful:
            yield f"ages.{region}: {years}, the law says {lawful}"
    for key in ("answer_within", "extension"):
        ours, theirs = getattr(document, key), getattr(law, key)
        if _days(ours) > _days(theirs):
            yield f"{key}: {_said(ours)}, the law says {_said(theirs)}"
    if document.ask_again_after_days < law.ask_again_after_days:
        yield f"ask_again_after_days: {document.ask_again_after_days}, at least {law.ask_again_after_days}"
    if law.validity_days_most and not 0 < document.validity_days_most <= law.validity_days_most:
        yield f"validity_days_most: {document.validity_days_most}, at most {law.validity_days_most}"
    for key, meaning in FACTS.items():
        if getattr(law, key) and not getattr(document, key):
            yield f"{key}: {meaning}"


def _days(period: Period) -> int:
    """The longest that a period can last: a month has 31 days."""
    return period.months * 31 + period.days


def _said(period: Period) -> str:
    parts = [f"{number} {word}{'s' if number > 1 else ''}" for number, word in _parts(period) if number]
    return " and ".join(parts) or "no time"


def _parts(period: Period) -> tuple[tuple[int, str], ...]:
    return (period.months, "month"), (period.days, "day")
