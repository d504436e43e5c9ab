"""Whether a policy's jurisdictions promise what their laws demand: `laws` is the measure, with its sources."""

from collections.abc import Iterator, Mapping

from ecrm_privacy.policy.documents import DEFAULT_REGION, Bundle, JurisdictionDocument, Period, every_region, law_of

Laws = Mapping[str, JurisdictionDocument]
"""Region → the document that says what its law says."""

FACTS: Mapping[str, str] = {
    "asks_first": "silence is no yes here",
    "signal_binds": "Global Privacy Control is binding here",
    "special_needs_yes": "special categories need a yes here",
}


def laws_for(document: JurisdictionDocument, laws: Laws) -> Iterator[tuple[str, JurisdictionDocument]]:
    """The region of `document` and those that it covers, each with its law; without those whose law is not known."""
    known = every_region(laws)
    for region in (document.name, *document.covers):
        law = laws[DEFAULT_REGION] if region == DEFAULT_REGION else law_of(known, region)
        if law is not None:
            yield region, law


def against_the_law(bundle: Bundle, laws: Laws) -> Iterator[str]:
    """Where a jurisdiction of `bundle` is laxer than the law, or cites none, as "file: key: what"."""
    for name, document in bundle.jurisdictions.items():
        file = f"jurisdictions/{name}.toml:"
        if not document.sources and name != DEFAULT_REGION:
            yield f"{file} sources: missing: cite the law (law, article, address)"
        for law in {law.name: law for _, law in laws_for(document, laws)}.values():
            yield from (f"{file} {problem} ({_cited(law)})" for problem in _laxer(document, law))
        yield from (f"{file} {problem}" for problem in _younger(document, laws))


def unmeasured(bundle: Bundle, laws: Laws) -> Iterator[str]:
    """Jurisdictions of which this program knows no law, as "file: key: what"."""
    for name, document in bundle.jurisdictions.items():
        known = {region for region, _ in laws_for(document, laws)}
        if name not in known:
            yield f"jurisdictions/{name}.toml: sources: this program does not know that law: a person must compare them"
        for place, region in enumerate(document.covers):
            if region not in known:
                yield f"jurisdictions/{name}.toml: covers[{place}]: this program does not know the law of '{region}'"


def _laxer(document: JurisdictionDocument, law: JurisdictionDocument) -> Iterator[str]:
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


def _younger(document: JurisdictionDocument, laws: Laws) -> Iterator[str]:
    """Ages below the law's: of each region that has its own here, and of the others together."""
    others: list[tuple[int, str, str]] = []
    for region, law in laws_for(document, laws):
        lawful = law.ages.get(region, law.age_of_consent_years)
        if region not in document.ages:
            others.append((lawful, region, _cited(law)))
        elif document.ages[region] < lawful:
            yield f"ages.{region}: {document.ages[region]}, the law says {lawful} ({_cited(law)})"
    oldest, where, cited = max(others, default=(0, "", ""))
    if document.age_of_consent_years < oldest:
        yield f"age_of_consent_years: {document.age_of_consent_years}, the law of '{where}' says {oldest} ({cited})"


def _cited(law: JurisdictionDocument) -> str:
    return ", ".join(f"{source.law} {source.article}" for source in law.sources) or "the strictest law"


def _days(period: Period) -> int:
    """The longest that a period can last: a month has 31 days."""
    return period.months * 31 + period.days


def _said(period: Period) -> str:
    spans = ((period.months, "month"), (period.days, "day"))
    return " and ".join(f"{number} {word}{'s' if number > 1 else ''}" for number, word in spans if number) or "no time"
