"""What a lawyer would find in a policy whose documents fit together: problems, and warnings that a person must weigh.

`load` refuses what contradicts itself; this says what would be unlawful, or could not be defended. The measure is the
law as `laws` gives it: the shipped jurisdictions, each with its sources. A policy may be stricter than a law and never
laxer. It is a help and no legal advice: a policy without findings can still be unlawful.

Sources: GDPR 4 to 9, 13, 17, 21, 44 to 49; Directive 2002/58/EC, 5(3) (terminal equipment) and 13 (electronic mail);
CNIL, délibération of 4 July 2025 (audience measurement: data at most 25 months); the laws that the jurisdictions cite.
"""

from collections.abc import Iterator

import msgspec

from ecrm_privacy.policy import buttons, sharing, transfers, translation
from ecrm_privacy.policy.documents import Bundle, PurposeDocument
from ecrm_privacy.policy.measure import Laws, against_the_law, laws_for, unmeasured
from ecrm_privacy.vocabulary import Category, LegalBasis, Regime

MARKETING = frozenset(
    {
        "dpv:Marketing", "dpv:DirectMarketing", "dpv:Advertising", "dpv:PersonalisedAdvertising",
        "dpv:TargetedAdvertising", "dpv:SocialMediaMarketing", "dpv:PublicRelations", "dpv:SellDataToThirdParties",
        "dpv:SellInsightsFromData", "dpv:SellProductsToDataSubject", "dpv:PersonalisedBenefits",
    }
)  # fmt: skip
FOLLOWING = frozenset(
    {
        "dpv:PersonalisedAdvertising", "dpv:TargetedAdvertising", "dpv:ServicePersonalisation", "dpv:Personalisation",
        "dpv:UserInterfacePersonalisation", "dpv:ProvidePersonalisedRecommendations",
        "dpv:ProvideProductRecommendations", "dpv:ProvideEventRecommendations", "dpv:CreatePersonalizedRecommendations",
    }
)  # fmt: skip
"""Purposes that follow a person through what they do in their browser."""
SOLD = frozenset(
    {
        "dpv:PersonalisedAdvertising", "dpv:TargetedAdvertising", "dpv:SellDataToThirdParties",
        "dpv:SellInsightsFromData",
    }
)  # fmt: skip
"""Purposes that sell, share or target in the sense of the laws of the United States, with a recipient or without."""
MEASURING = frozenset({"dpv:ServiceUsageAnalytics"})
MEASURED_DAYS_MOST = 25 * 31
NO_END_DAYS = 36_500
LONG_DAYS = 3_660
ERASED_DAYS_MOST = 31
ASKED_ELSEWHERE = frozenset({LegalBasis.VITAL_INTEREST, LegalBasis.LEGAL_OBLIGATION})
"""Bases beside consent on which special categories may be processed (GDPR 9(2)(b), (c), (g))."""


class Review(msgspec.Struct, frozen=True):
    """Problems and warnings, each as "file: key: what", in order."""

    problems: tuple[str, ...]
    warnings: tuple[str, ...]


def review(bundle: Bundle, laws: Laws) -> Review:
    """What a lawyer would find in `bundle`, measured by `laws` (region → the document that says what its law says)."""
    problems = {
        *_purposes(bundle, laws),
        *_following(bundle),
        *_categories(bundle),
        *transfers.problems(bundle),
        *sharing.problems(bundle),
        *against_the_law(bundle, laws),
        *buttons.unequal(bundle),
        *translation.stale(bundle),
    }
    warnings = {
        *_unasked(bundle),
        *_kept_long(bundle),
        *_unlocated(bundle),
        *transfers.warnings(bundle),
        *unmeasured(bundle, laws),
        *buttons.unread(bundle),
        *translation.undated(bundle),
    }
    return Review(tuple(sorted(problems)), tuple(sorted(warnings)))


def _purposes(bundle: Bundle, laws: Laws) -> Iterator[str]:
    for name, purpose in bundle.purposes.items():
        for problem in (
            *_special(bundle, laws, purpose),
            *_forced(purpose),
            *_silence(bundle, laws, purpose),
            *_signal(bundle, laws, purpose),
            *_mail(bundle, purpose),
            *_lasting(bundle, purpose),
        ):
            yield f"purposes/{name}.toml: {problem}"


def _special(bundle: Bundle, laws: Laws, purpose: PurposeDocument) -> Iterator[str]:
    special = [name for name in purpose.categories if name in bundle.categories and bundle.categories[name].special]
    for category in special:
        if purpose.basis is not LegalBasis.CONSENT and purpose.basis not in ASKED_ELSEWHERE:
            yield f"basis: '{category}' is a special category and needs explicit consent (GDPR 9(2)(a))"
        elif purpose.basis is LegalBasis.CONSENT and not purpose.explicit:
            yield f"explicit: '{category}' is a special category: ask for it in so many words and say so (GDPR 9(2)(a))"
    for regime in purpose.opt_out if special else ():
        if law := _with(bundle, laws, regime, "special_needs_yes"):
            yield f"opt_out: under {law} special categories need a yes; silence is none"


def _forced(purpose: PurposeDocument) -> Iterator[str]:
    if purpose.required and purpose.dpv in MARKETING | FOLLOWING:
        yield f"required: {purpose.dpv} is not what a service consists of; a yes that is forced is none (GDPR 7(4))"


def _silence(bundle: Bundle, laws: Laws, purpose: PurposeDocument) -> Iterator[str]:
    for place, regime in enumerate(purpose.opt_out):
        if law := _with(bundle, laws, regime, "asks_first"):
            yield f"opt_out[{place}]: under '{regime}' silence would permit, and {law} asks first (GDPR 4(11), 6(1)(a))"


def _signal(bundle: Bundle, laws: Laws, purpose: PurposeDocument) -> Iterator[str]:
    sells = bool(purpose.recipients) or purpose.dpv in SOLD
    if purpose.required or purpose.basis is LegalBasis.LEGAL_OBLIGATION or not sells:
        return
    for regime in sorted({law.regime for law in bundle.jurisdictions.values()} & set(bundle.regimes)):
        law = _with(bundle, laws, regime, "signal_binds")
        if law and regime not in purpose.opt_out_signal and regime != "strict":
            yield f"opt_out_signal: '{regime}' is missing: under {law} Global Privacy Control is a binding no to this"


def _mail(bundle: Bundle, purpose: PurposeDocument) -> Iterator[str]:
    """Electronic mail that advertises needs consent, or stays within what a customer expects (2002/58/EC, 13)."""
    mail = [name for name in purpose.channels if name in bundle.channels and bundle.channels[name].electronic]
    if purpose.soft_opt_in:
        if purpose.basis is not LegalBasis.LEGITIMATE_INTEREST:
            yield "soft_opt_in: is an exception from consent, so the basis is legitimate_interest"
        if purpose.recipients:
            yield "soft_opt_in: is for the shop's own things alone, so nobody else receives data for it"
        if not any(_from_a_sale(bundle, category) for category in purpose.categories):
            yield "soft_opt_in: is for addresses from a sale, so a category is kept under a contract"
    elif purpose.dpv in MARKETING and purpose.basis is not LegalBasis.CONSENT:
        for name in mail:
            if name not in purpose.own_yes:
                yield (
                    f"channels: advertising by '{name}' needs consent: name it in own_yes, or keep to soft_opt_in"
                    " (2002/58/EC, 13(1) and (2))"
                )


def _from_a_sale(bundle: Bundle, category: Category) -> bool:
    kept = bundle.categories.get(category)
    under = bundle.purposes.get(kept.kept_under) if kept else None
    return under is not None and under.basis is LegalBasis.CONTRACT


def _lasting(bundle: Bundle, purpose: PurposeDocument) -> Iterator[str]:
    if purpose.basis is not LegalBasis.CONSENT:
        return
    for name, law in bundle.jurisdictions.items():
        if 0 < law.validity_days_most < purpose.validity_days:
            yield (
                f"validity_days: {purpose.validity_days} is longer than jurisdictions/{name}.toml lets a yes count"
                f" ({law.validity_days_most})"
            )


def _following(bundle: Bundle) -> Iterator[str]:
    """What is read from a browser to follow somebody needs consent, whatever the interest (2002/58/EC, 5(3))."""
    for name, purpose in bundle.purposes.items():
        if purpose.basis is not LegalBasis.LEGITIMATE_INTEREST:
            continue
        file = f"purposes/{name}.toml:"
        if purpose.dpv in FOLLOWING:
            yield f"{file} basis: {purpose.dpv} follows people in their browser and needs consent (2002/58/EC, 5(3))"
        elif purpose.dpv in MEASURING:
            if purpose.recipients:
                yield f"{file} basis: measuring for others needs consent (CNIL, 4 July 2025: for the site alone)"
            for category in purpose.categories:
                kept = bundle.categories.get(category)
                if kept and kept.behavioural and kept.retention.at_most_days > MEASURED_DAYS_MOST:
                    yield (
                        f"categories/{category}.toml: retention.at_most_days: longer than 25 months, and"
                        f" '{name}' measures with it without consent (CNIL, 4 July 2025)"
                    )
        elif events := sorted(kind for kind, event in bundle.events.items() if event.purpose == name):
            yield (
                f"{file} basis: stores what people do in their browser ({', '.join(events)}): it needs consent"
                " (2002/58/EC, 5(3))"
            )


def _categories(bundle: Bundle) -> Iterator[str]:
    for name, category in bundle.categories.items():
        file = f"categories/{name}.toml:"
        if category.retention.at_most_days == 0:
            yield f"{file} retention.at_most_days: missing: say how long it is kept at most (GDPR 5(1)(e), 13(2)(a))"
        if category.retention.at_most_days >= NO_END_DAYS:
            yield f"{file} retention.at_most_days: has no end (GDPR 5(1)(e))"


def _kept_long(bundle: Bundle) -> Iterator[str]:
    for name, category in bundle.categories.items():
        file, kept = f"categories/{name}.toml:", category.retention
        if LONG_DAYS < kept.at_most_days < NO_END_DAYS:
            yield f"{file} retention.at_most_days: longer than ten years; is there a duty to keep it so long?"
        if kept.after_withdrawal_days > ERASED_DAYS_MOST:
            yield f"{file} retention.after_withdrawal_days: longer than a month; GDPR 17(1) says without undue delay"


def _unasked(bundle: Bundle) -> Iterator[str]:
    asked = {purpose for site in bundle.sites.values() for purpose in bundle.current_notice(site.notice).purposes}
    for name, purpose in bundle.purposes.items():
        if purpose.basis is LegalBasis.CONSENT and name not in asked:
            yield f"purposes/{name}.toml: basis: no site asks about it, so nobody can say yes"
        elif purpose.basis is not LegalBasis.CONSENT and name not in asked:
            yield f"purposes/{name}.toml: basis: no notice of a site tells of it (GDPR 13(1)(c))"


def _unlocated(bundle: Bundle) -> Iterator[str]:
    for name, site in bundle.sites.items():
        if not site.controller.storage_location:
            yield f"sites/{name}.toml: controller.storage_location: missing: receipts name it (ISO/IEC TS 27560)"


def _with(bundle: Bundle, laws: Laws, regime: Regime, fact: str) -> str | None:
    """The name of a law under `regime` of which `fact` holds, by this policy's word or by the law's; None if none."""
    for name, document in sorted(bundle.jurisdictions.items()):
        if document.regime == regime:
            for region, law in ((name, document), *laws_for(document, laws)):
                if getattr(law, fact):
                    return f"the law of '{region}'"
    return None
