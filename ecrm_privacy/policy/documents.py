"""What a shop promises, as values: the documents of a policy and the bundle that they make.

A document is one TOML file (or one table of `events.toml`, one line of `pages.toml`); `name` is the file's name. Every
text for people stands in `texts`, by locale. `docs/reference/policy.md` explains each key.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal, NamedTuple

import msgspec

from ecrm_privacy.vocabulary import Category, Channel, LegalBasis, NoticeVersion, Purpose, Recipient, Regime

STRICT = Regime("strict")
"""The regime that is derived, not described: it allows what every other regime of the bundle allows."""
DEFAULT_REGION = "default"
"""The jurisdiction of a region that no document names."""
BITS_MOST = 64
"""How many purposes a choice cookie has room for; a purpose's `bit` is below."""

Days = Annotated[int, msgspec.Meta(ge=0, le=36_525)]
Bit = Annotated[int, msgspec.Meta(ge=0, le=BITS_MOST - 1)]
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=600, pattern=r"^\S(.*\S)?\Z")]
Lines = Annotated[str, msgspec.Meta(min_length=1, max_length=600)]
Term = Annotated[str, msgspec.Meta(pattern=r"^(dpv|pd|eu-gdpr):[A-Za-z0-9-]+\Z")]
Locale = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2,3}(-[A-Z][A-Za-z]{1,3})?\Z")]
Origin = Annotated[str, msgspec.Meta(pattern=r"^https?://[a-z0-9.\-]+(:[0-9]{1,5})?\Z")]
Domain = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9\-]+\.)*[a-z0-9\-]*\Z")]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+\Z")]
Country = Annotated[str, msgspec.Meta(pattern=r"^([a-z]{2})?\Z")]
"""ISO 3166-1 alpha-2, in small letters; '' where none is named."""
Region = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{2}(-[a-z0-9]{1,3})?\Z")]
"""A country, or a part of one (ISO 3166-2), in small letters: `us`, `us-ca`."""
Years = Annotated[int, msgspec.Meta(ge=0, le=21)]
Of = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{12})?\Z")]
"""What a translation was made from: `translation.hash_of` the text in the policy's first language."""
WebAddress = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s]+\Z", max_length=300)]
Property = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z-]{0,30}\Z")]
Value = Annotated[str, msgspec.Meta(pattern=r"^[#A-Za-z0-9 ,.%()'\"/_-]{1,200}\Z")]
"""A value of a custom property: it ends no declaration, opens no block and names no address."""
Picture = Annotated[str, msgspec.Meta(pattern=r"^(<svg[\s>][\s\S]*</svg>\s*)?\Z", max_length=16_384)]
TransferGround = Literal[
    "",
    "adequacy",
    "standard_clauses",
    "binding_rules",
    "code_of_conduct",
    "certification",
    "explicit_consent",
    "contract",
    "legal_claims",
]
"""On what ground data may leave the European Economic Area (GDPR 45, 46(2)(b) to (f), 49(1)(a), (b), (e))."""


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every document has: the name of its file."""

    name: str


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a legal fact stands: the law, the article or section, and an address at which it can be read."""

    law: Words
    article: Words
    address: WebAddress


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Words for people in one locale; `of` says which text a translation was made from (`translation`)."""

    of: Of = ""


class Named(Text, frozen=True, kw_only=True):
    """The name of a channel, in one locale."""

    name: Words


class Described(Text, frozen=True, kw_only=True):
    """The name of a category or a recipient and one sentence about it, in one locale."""

    name: Words
    text: Words


class PurposeText(Text, frozen=True, kw_only=True):
    """A purpose in words: what is done, what it is good for to the person, how long data is kept (GDPR 13)."""

    name: Words
    text: Words
    benefit: Words
    retention: Words


class NoticeText(Text, frozen=True, kw_only=True):
    """A notice in words: a title, at most three short lines, its buttons, and what is said to a browser with GPC."""

    title: Words
    text: Lines
    accept: Words
    refuse: Words
    choose: Words
    save: Words
    gpc: Words


class PurposeDocument(Document, frozen=True, kw_only=True):
    """Why data is used, on what ground (GDPR 6(1)), which data, by which ways, to whom.

    `bit` is the purpose's place in the choice cookie and is never given to another purpose. A `required` purpose is
    what the service consists of; nobody can object to it. `own_yes` names those of `channels` and `recipients` that
    need a yes of their own. `validity_days` is how long a yes counts (0: no end). `opt_out` names the regimes under
    which silence permits; `opt_out_signal` those under which Global Privacy Control closes the purpose. `explicit`: its
    text asks in so many words for the special categories that it covers (GDPR 9(2)(a)). `soft_opt_in`: it writes to
    customers about things like those they bought, and each message offers a way out (Directive 2002/58/EC, 13(2)).
    """

    bit: Bit
    basis: LegalBasis
    dpv: Term
    texts: dict[Locale, PurposeText]
    required: bool = False
    categories: tuple[Category, ...] = ()
    channels: tuple[Channel, ...] = ()
    recipients: tuple[Recipient, ...] = ()
    own_yes: tuple[str, ...] = ()
    validity_days: Days = 0
    opt_out: tuple[Regime, ...] = ()
    opt_out_signal: tuple[Regime, ...] = ()
    explicit: bool = False
    soft_opt_in: bool = False


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a category is kept: after its purpose was withdrawn (0: erased at once), and at most in any case."""

    after_withdrawal_days: Days
    at_most_days: Days


class CategoryDocument(Document, frozen=True, kw_only=True):
    """A kind of personal data with a key of its own. It is there because of `kept_under`; when that closes, so does it.

    `behavioural` data is stored under pseudonyms; `special` marks the categories of GDPR 9; `birth_field` is the field
    that has the day of birth, by which the yes of a child does not count.
    """

    kept_under: Purpose
    retention: Retention
    dpv: Term
    texts: dict[Locale, Described]
    behavioural: bool = False
    special: bool = False
    birth_field: str = ""


class RecipientDocument(Document, frozen=True, kw_only=True):
    """Someone outside who receives data (GDPR 4(9)): where, and if that is outside the European Economic Area on what
    ground, with its `sources` (GDPR 44 to 49).
    """

    texts: dict[Locale, Described]
    country: Country = ""
    transfer: TransferGround = ""
    sources: tuple[Source, ...] = ()


class ChannelDocument(Document, frozen=True, kw_only=True):
    """A way to reach a person; with `double_opt_in` a yes is `requested` until it was confirmed over the channel.

    `confirm_under` are the regimes that want this; with none named all do. `electronic` mail (messages of every kind,
    Directive 2002/58/EC, 2(h)) may not advertise without consent.
    """

    texts: dict[Locale, Named]
    double_opt_in: bool = False
    confirm_under: tuple[Regime, ...] = ()
    electronic: bool = True

    def is_confirmed_under(self, regime: Regime | None) -> bool:
        """Whether a yes under this regime must be confirmed; one under a law that is not known must."""
        return self.double_opt_in and (
            not self.confirm_under or regime is None or regime in {*self.confirm_under, STRICT}
        )


class Period(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A span of calendar months and days, as laws count deadlines."""

    months: Annotated[int, msgspec.Meta(ge=0, le=120)] = 0
    days: Days = 0


class JurisdictionDocument(Document, frozen=True, kw_only=True):
    """The law of a region: its regime, the age from which a person's own yes counts, and the deadlines for requests.

    `covers` names the countries and parts of countries that have this law and no document of their own; `ages` those
    among them with another age. `ask_again_after_days` is how long a banner stays quiet after an answer,
    `validity_days_most` the longest that a yes may count (0: the law says nothing). What the law says of silence, of
    Global Privacy Control and of special categories stands in `asks_first`, `signal_binds`, `special_needs_yes`; what
    this policy does about it stands in its purposes, and `review` holds the one against the other. `sources` is where
    all this is read; a jurisdiction without any is a problem.
    """

    regime: Regime
    age_of_consent_years: Years
    answer_within: Period
    extension: Period
    ask_again_after_days: Days
    covers: tuple[Region, ...] = ()
    ages: dict[Region, Years] = {}
    asks_first: bool = True
    signal_binds: bool = False
    special_needs_yes: bool = True
    validity_days_most: Days = 0
    sources: tuple[Source, ...] = ()


class SlotDocument(Document, frozen=True, kw_only=True):
    """A place on a page: the purpose it serves, the categories it opens; one that is not `personal` opens nothing."""

    personal: bool = True
    purpose: Purpose = Purpose("")
    channel: Channel = Channel("")
    recipient: Recipient = Recipient("")
    categories: tuple[Category, ...] = ()


class EventDocument(Document, frozen=True, kw_only=True):
    """A type of event: for which purpose it may be stored, and as which category."""

    purpose: Purpose
    category: Category


class TokenDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a site's sign-in tokens are checked; `key_file` is the name of a file in the data directory, never a key."""

    algorithm: Literal["EdDSA", "HS256"]
    key_file: FileName
    issuer: Words
    audience: Words


class ControllerDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who answers for the data (GDPR 4(7), 13(1)(a); ISO/IEC TS 27560 `party`)."""

    name: Words
    address: Words
    contact: Words
    storage_location: str = ""
    """Where the data lies, as records of consent name it (ISO/IEC TS 27560 `storage_locations`)."""


class ThemeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A site's look (`theme`): properties for both schemes, for the light one, for the dark one; a logo (SVG)."""

    every: dict[Property, Value] = {}
    light: dict[Property, Value] = {}
    dark: dict[Property, Value] = {}
    logo: Picture = ""


class SiteDocument(Document, frozen=True, kw_only=True):
    """A site that shows our notice: its origins, notice, law, languages (the first one is its default), and sign-in.

    One answer is about all sites that show the same notice (`sharing`).
    """

    origins: tuple[Origin, ...]
    notice: str
    jurisdiction: str
    locales: Annotated[tuple[Locale, ...], msgspec.Meta(min_length=1)]
    controller: ControllerDocument
    token: TokenDocument
    cookie_domain: Domain = ""
    theme: ThemeDocument = ThemeDocument()


class NoticeDocument(Document, frozen=True, kw_only=True):
    """One version of a notice (ISO/IEC 29184), `name@version`; versions that were shown stay in the policy.

    `purposes` is what it asks about, in order. `asks_again` are the purposes that this version changed materially:
    a yes to them under an earlier version no longer counts.
    """

    purposes: Annotated[tuple[Purpose, ...], msgspec.Meta(min_length=1)]
    texts: dict[Locale, NoticeText]
    asks_again: tuple[Purpose, ...] = ()

    @property
    def notice(self) -> str:
        """The notice's name without its version."""
        return self.name.partition("@")[0]

    @property
    def version(self) -> int:
        """The version's number."""
        return int(self.name.partition("@")[2])


class Rule(NamedTuple):
    """What is decided about: a purpose, or a purpose with one channel or one recipient ('' where none is named)."""

    purpose: Purpose
    channel: Channel
    recipient: Recipient


def every_region(jurisdictions: Mapping[str, JurisdictionDocument]) -> Mapping[str, JurisdictionDocument]:
    """The documents by each region that they are named after or cover."""
    covered = {region: law for law in jurisdictions.values() for region in law.covers}
    return {**covered, **jurisdictions}


def law_of(laws: Mapping[str, JurisdictionDocument], region: str) -> JurisdictionDocument | None:
    """The law of `region` in the result of `every_region`, or of what it is part of; None if neither is known."""
    while region and region not in laws:
        region = region.rpartition("-")[0]
    return laws.get(region)


class Bundle(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A whole policy, checked. `hash` is the SHA-256 of `documents`, the canonical JSON that gives it back."""

    hash: bytes
    documents: bytes
    purposes: Mapping[Purpose, PurposeDocument]
    categories: Mapping[Category, CategoryDocument]
    recipients: Mapping[Recipient, RecipientDocument]
    channels: Mapping[Channel, ChannelDocument]
    jurisdictions: Mapping[str, JurisdictionDocument]
    slots: Mapping[str, SlotDocument]
    events: Mapping[str, EventDocument]
    pages: Mapping[str, tuple[str, ...]]
    sites: Mapping[str, SiteDocument]
    notices: Mapping[NoticeVersion, NoticeDocument]

    @cached_property
    def regimes(self) -> tuple[Regime, ...]:
        """Every regime that can be decided under, `strict` among them, in a stable order."""
        return tuple(sorted({document.regime for document in self.jurisdictions.values()} | {STRICT}))

    def jurisdiction(self, region: str) -> JurisdictionDocument:
        """The law of `region`: of the document with its name, of the one that covers it, the same for the country it is
        part of (`us-ca`, then `us`), or the default.
        """
        return law_of(self._laws, region) or self.jurisdictions[DEFAULT_REGION]

    def age_of_consent(self, region: str) -> int:
        """From which age, in years, the own yes of somebody in `region` counts (GDPR 8)."""
        law = self.jurisdiction(region)
        return law.ages.get(region, law.ages.get(region.partition("-")[0], law.age_of_consent_years))

    @cached_property
    def _laws(self) -> Mapping[str, JurisdictionDocument]:
        return every_region(self.jurisdictions)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Everything that is decided about, purpose by purpose."""
        return tuple(
            rule
            for name, purpose in self.purposes.items()
            for rule in (
                Rule(name, Channel(""), Recipient("")),
                *(Rule(name, channel, Recipient("")) for channel in purpose.channels),
                *(Rule(name, Channel(""), recipient) for recipient in purpose.recipients),
            )
        )

    def current_notice(self, notice: str) -> NoticeDocument:
        """The newest version of `notice`. Raises KeyError if there is none."""
        versions = [document for document in self.notices.values() if document.notice == notice]
        if not versions:
            raise KeyError(notice)
        return max(versions, key=lambda document: document.version)

    def asked_elsewhere(self, site: str) -> frozenset[Purpose]:
        """The purposes that only other sites ask about: what was said there is not about `site`."""
        return self._asked_elsewhere[site]

    @cached_property
    def _asked_elsewhere(self) -> Mapping[str, frozenset[Purpose]]:
        asked = {name: frozenset(self.current_notice(site.notice).purposes) for name, site in self.sites.items()}
        every = frozenset[Purpose]().union(*asked.values())
        return {
            name: frozenset(each for each in every - own if not self.purposes[each].required)
            for name, own in asked.items()
        }

    def still_good(self, purpose: Purpose, shown: NoticeVersion) -> bool:
        """Whether a yes to `purpose` that was given to the notice `shown` still counts; False for an unknown notice."""
        return (purpose, shown) in self._still_good

    @cached_property
    def _still_good(self) -> frozenset[tuple[Purpose, str]]:
        return frozenset(
            (purpose, then.name)
            for then in self.notices.values()
            for purpose in then.purposes
            if not any(
                now.notice == then.notice and now.version > then.version and purpose in now.asks_again
                for now in self.notices.values()
            )
        )
