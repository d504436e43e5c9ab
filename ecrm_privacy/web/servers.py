"""For servers: calls with a bearer key. The subject stands in a header, never in the path, and is never logged."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Annotated, Literal, TypeVar

import msgspec
from litestar import Response, get, post, put
from litestar.di import NamedDependency
from msgspec import Meta

from ecrm_privacy.consent import tcf
from ecrm_privacy.consent.answer import Said, answer_due
from ecrm_privacy.consent.callers import Callers, ServerCaller
from ecrm_privacy.consent.desk import ConsentDesk, Where
from ecrm_privacy.consent.disclosure import Disclosures
from ecrm_privacy.consent.history import Gap, History, Past
from ecrm_privacy.consent.profile import Profile, Profiles
from ecrm_privacy.consent.standing import PermissionRow, Standing, capture_url, capturing, permission, permissions
from ecrm_privacy.errors import Malformed, NotKnown
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy.documents import Rule
from ecrm_privacy.vocabulary import Category, Channel, NoticeVersion, Purpose, Recipient
from ecrm_privacy.web.answers import AnswerReply, PermissionsReply, asked_times
from ecrm_privacy.web.hallway import AnyRequest, Hallway, decode, idempotency_key
from ecrm_privacy.web.limits import Rates
from ecrm_privacy.web.refusals import ApiKeyRefused, ScopeMissing

SUBJECTS_MOST = 1000
FOR_THE_SHOP = frozenset({"slots:read"})
"""What no partner's key may do, whatever scopes it has: a slot opens data for the shop's own pages."""
Row = TypeVar("Row", bound=PermissionRow)
Bearer = Callable[[str, str], Awaitable[ServerCaller]]
"""`await bearer(authorization, scope)`: whose key that header has. Raises ApiKeyRefused, ScopeMissing, TooMany."""
Authorize = Callable[[AnyRequest, str], Awaitable[ServerCaller]]
"""`await authorize(request, scope)`: who calls, if they may. Raises ApiKeyRefused, ScopeMissing, TooMany."""


def authorizer(bearer: Bearer) -> Authorize:
    """Make the check that every call of a server passes."""

    async def authorize(request: AnyRequest, scope: str) -> ServerCaller:
        return await bearer(request.headers.get("authorization", ""), scope)

    return authorize


def bearer_of(callers: Callers, rates: Rates) -> Bearer:
    """Make what tells keys that may from those that may not."""

    async def bearer(authorization: str, scope: str) -> ServerCaller:
        kind, _, key = authorization.partition(" ")
        if kind.lower() != "bearer" or not key:
            raise ApiKeyRefused
        try:
            caller = await callers.of(key)
        except NotKnown:
            raise ApiKeyRefused from None
        if scope not in caller.scopes or (caller.is_partner and scope in FOR_THE_SHOP):
            raise ScopeMissing
        rates.count_call(caller.key_hash, caller.rate_per_minute)
        return caller

    return bearer


def number_of(request: AnyRequest) -> str:
    """Return the customer number of the header `Ecrm-Subject`. Raises Malformed without one."""
    number = request.headers.get("ecrm-subject", "")
    if not 0 < len(number) <= 128:
        raise Malformed("The header Ecrm-Subject names the customer number")
    return number


def concerning(caller: ServerCaller, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return of these permissions what is the caller's business: a partner sees whether it may, and nothing else."""
    return tuple(row for row in rows if not caller.is_partner or row.recipient == caller.recipient)


def told(caller: ServerCaller, past: Past) -> Past:
    """Return of a past what is the caller's business; a partner gets no proof, because it shows all that was said."""
    if not caller.is_partner:
        return past
    gaps = tuple(Gap(gap.what, gap.text) for gap in past.cannot_know)
    rows = concerning(caller, past.permissions)
    return msgspec.structs.replace(past, permissions=rows, cannot_know=gaps, proofs=())


class Fields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PUT /v1/subject`."""

    fields: dict[Category, dict[str, Annotated[str, Meta(max_length=4000)]]]


class Kept(msgspec.Struct, frozen=True):
    """How many fields were not kept, because no permission covers them."""

    dropped: int


@put("/v1/subject")
async def put_subject(
    request: AnyRequest,
    authorize: NamedDependency[Authorize],
    profiles: NamedDependency[Profiles],
    hallway: NamedDependency[Hallway],
    where: NamedDependency[Where],
) -> Kept:
    """Store profile fields, sealed at once."""
    await authorize(request, "subjects:write")
    fields = decode(await request.body(), Fields).fields
    outcome = (await profiles.put([Profile(number_of(request), fields)], hallway.signals(request), where))[0]
    if not isinstance(outcome, int):
        raise outcome
    return Kept(outcome)


class SaidElsewhere(Said, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of `POST /v1/subject/answers`; `evidence` says where it is documented, in words that name nobody.

    `by` is a parent for a child below the age of consent; then `evidence` says how it was made sure who answers.
    """

    evidence: Annotated[str, Meta(max_length=300)] = ""
    by: Literal["subject", "parent"] = "subject"


@post("/v1/subject/answers", status_code=201)
async def answer_elsewhere(
    request: AnyRequest,
    authorize: NamedDependency[Authorize],
    desk: NamedDependency[ConsentDesk],
    hallway: NamedDependency[Hallway],
    where: NamedDependency[Where],
) -> Response[AnswerReply]:
    """Record an answer that was given in a shop or on the phone. Raises NotKnown for an unknown customer."""
    server = await authorize(request, "consent:write")
    body = await request.body()
    key = idempotency_key(request.headers.get("idempotency-key"))
    number = number_of(request)
    subject = Caller(customer_number=number)
    if (await desk.standing(subject)).account is None:
        raise NotKnown
    signals = hallway.signals(request)
    said = decode(body, SaidElsewhere)
    by_parent = said.by == "parent"
    if by_parent and not said.evidence:
        raise Malformed("`evidence` says how it was made sure that a parent answers (GDPR 8(2))")
    evidence = "; ".join(filter(None, (said.evidence, tcf.evidence(said.tc_string))))
    about = number.encode() + b"\0" + body  # the same words about somebody else are another act
    taken = await desk.take(
        subject, said, signals, where, idempotency_key=key, body=about, evidence=evidence, by_parent=by_parent
    )
    url = f"{hallway.origin}/v1/receipts/{taken.receipt_id}"
    shown = concerning(server, taken.permissions)
    reply = AnswerReply(taken.receipt_id, taken.leaf_index, shown, taken.answer_due, url)
    return Response(reply, status_code=201)


@get("/v1/subject/permissions")
async def subject_permissions(
    request: AnyRequest,
    authorize: NamedDependency[Authorize],
    disclosures: NamedDependency[Disclosures],
    history: NamedDependency[History],
    hallway: NamedDependency[Hallway],
    where: NamedDependency[Where],
) -> PermissionsReply | Past:
    """What a customer permits now, or permitted at `at` as known at `known`; to a partner, what they permit it.

    That it was told is written down for the customer, or it is not told.
    """
    server = await authorize(request, "consent:read")
    asked = asked_times(request)
    standing = await disclosures.permissions(Caller(customer_number=number_of(request)), server.system)
    if asked is not None:
        return told(server, await history.of(standing, asked, where))
    signals = hallway.signals(request)
    shown = standing.bundle.current_notice(standing.bundle.sites[where.site].notice)
    rows = permissions(standing, signals)
    concerned = capturing(concerning(server, rows), hallway.preferences)
    return PermissionsReply(concerned, NoticeVersion(shown.name), answer_due(standing, signals, rows))


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /v1/access:check`."""

    subjects: Annotated[list[Annotated[str, Meta(min_length=1, max_length=128)]], Meta(max_length=SUBJECTS_MOST)]
    purpose: Purpose
    categories: list[Category] = []
    channel: Channel = Channel("")
    recipient: Recipient = Recipient("")


class Checked(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whether one subject's data may be used, and if not, where to ask."""

    valid_for_processing: bool
    status: str
    because: str
    until: date | None = None
    capture_url: str | None = None


class CheckReply(msgspec.Struct, frozen=True):
    """One line per subject that was asked about, in that order."""

    results: list[Checked]


@post("/v1/access:check", status_code=200)
async def check_access(
    request: AnyRequest,
    authorize: NamedDependency[Authorize],
    disclosures: NamedDependency[Disclosures],
    hallway: NamedDependency[Hallway],
) -> CheckReply:
    """May I, and if not, where to ask. An unknown customer is answered like one who never said anything.

    A partner asks for itself, whether it names itself or not: what people allow the shop or another is not its own.
    That it was told is written down for each customer, or nobody is told anything.
    """
    server = await authorize(request, "consent:read")
    asked = decode(await request.body(), Asked)
    rules, signals = _rules(server, asked), hallway.signals(request)
    customers = [Caller(customer_number=number) for number in asked.subjects]
    standings = await disclosures.permission(customers, server.system, rules, asked.categories)
    return CheckReply([_checked(asked, sorted(rules), standing, signals, hallway) for standing in standings])


def _checked(asked: Asked, rules: Sequence[Rule], standing: Standing, signals: Signals, hallway: Hallway) -> Checked:
    row = _strictest([permission(standing, rule, signals) for rule in rules])
    covered = set(asked.categories) <= set(standing.bundle.purposes[asked.purpose].categories)
    allowed = row.allowed and covered
    because = row.because if covered else "category_not_covered"
    url = None if allowed else capture_url(hallway.preferences, asked.purpose)
    return Checked(allowed, row.status, because, row.until, url)


def _rules(server: ServerCaller, asked: Asked) -> set[Rule]:
    """Return what must all be allowed: the channel and the recipient that are named, else the purpose itself.

    Raises ScopeMissing for a partner that asks on another's behalf.
    """
    recipient = asked.recipient
    if server.is_partner:
        if recipient not in {"", server.recipient}:
            raise ScopeMissing
        recipient = server.recipient
    rules = {Rule(asked.purpose, asked.channel, Recipient(""))} if asked.channel or not recipient else set()
    return rules | ({Rule(asked.purpose, Channel(""), recipient)} if recipient else set())


def _strictest(rows: Sequence[PermissionRow]) -> PermissionRow:
    """Return the first refusal among these permissions, else one of them with the earliest end of all."""
    until = min((row.until for row in rows if row.until), default=None)
    return next((row for row in rows if not row.allowed), msgspec.structs.replace(rows[0], until=until))
