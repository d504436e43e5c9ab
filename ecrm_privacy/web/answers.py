"""The consent surface: what to ask, an answer, what is permitted, and receipts."""

from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import MediaType, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ecrm_privacy.consent import tcf
from ecrm_privacy.consent.answer import Said, SaidAnswer, answer_due
from ecrm_privacy.consent.desk import ConsentDesk, Taken, Where
from ecrm_privacy.consent.history import History, Past, When, when
from ecrm_privacy.consent.receipts import Receipt, Receipts
from ecrm_privacy.consent.reception import SEEN, SERVED, Reception
from ecrm_privacy.consent.standing import PermissionRow, Standing, capturing, permissions, purpose_rule, signalled
from ecrm_privacy.errors import Malformed, NotKnown
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.notice import NoticeShown, PurposeShown
from ecrm_privacy.vocabulary import Answer, ExpressionMethod, NoticeVersion, Purpose, Regime
from ecrm_privacy.web import gpp as platform
from ecrm_privacy.web.forms import back, form, own_key
from ecrm_privacy.web.hallway import AnyRequest, Hallway, decode, idempotency_key
from ecrm_privacy.web.texts import labels

RECEIPT_ID_CHARS = 43
BY_BROWSER = frozenset(
    {ExpressionMethod.ACCEPT_ALL, ExpressionMethod.REFUSE_ALL, ExpressionMethod.SAVE, ExpressionMethod.UNDO}
)
"""How an answer can be expressed here; other methods are evidence of what happened elsewhere, and a server's to say."""
FORM = "application/x-www-form-urlencoded"


class Asked(PurposeShown, frozen=True, omit_defaults=True):
    """A purpose of the notice, with what this visitor answered to it, if anything."""

    answer: str | None = None


class NoticeReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """`GET /v1/notice`; without `answer_due` when asked for the public one."""

    notice: NoticeShown
    purposes: tuple[Asked, ...]
    jurisdiction: str
    regime: Regime
    gpc: bool
    labels: dict[str, str]
    answer_due: bool | None = None


class AnswerReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """`POST /v1/answers`; with `gpp` where a section of IAB GPP applies to a browser."""

    receipt_id: str
    leaf_index: int
    permissions: tuple[PermissionRow, ...]
    answer_due: bool
    receipt_url: str
    gpp: platform.Gpp | None = None


class PermissionsReply(msgspec.Struct, frozen=True, omit_defaults=True):
    """`GET /v1/permissions`; with `gpp` where a section of IAB GPP applies to a browser.

    `question` is what `GET /v1/notice` says: for who asked for it and owes an answer, so that one call brings both.
    """

    permissions: tuple[PermissionRow, ...]
    notice: NoticeVersion
    answer_due: bool
    gpp: platform.Gpp | None = None
    question: NoticeReply | None = None


@get("/v1/notice")
async def notice(
    request: AnyRequest,
    desk: NamedDependency[ConsentDesk],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    reception: NamedDependency[Reception],
) -> Response[NoticeReply]:
    """What to ask this visitor; with `public=1` the same for everybody, and cacheable."""
    public = request.query_params.get("public") == "1"
    where = _asked_site(request, hallway)
    if public:
        shown = desk.notice(hallway.bundle, where.site, where.locale, where.jurisdiction)
        asked = tuple(_asked(purpose, None, signals) for purpose in shown.purposes)
        reply = NoticeReply(shown.notice, asked, shown.jurisdiction, shown.regime, signals.gpc, labels(where.locale))
        return Response(
            reply,
            headers={"Cache-Control": "public, max-age=60", "Vary": ", ".join(hallway.notice_varies_with)},
        )
    standing = await desk.standing(caller)
    due = answer_due(standing, signals)
    if due:
        reception.met(standing.bundle, where, "script", SEEN)
    reply = _question(desk, standing, signals, where, due=due)
    return Response(reply, headers={"Vary": ", ".join(("Cookie", *hallway.notice_varies_with))})


def _question(desk: ConsentDesk, standing: Standing, signals: Signals, where: Where, *, due: bool) -> NoticeReply:
    """What to ask this visitor."""
    shown = desk.notice(standing.bundle, where.site, where.locale, where.jurisdiction)
    asked = tuple(_asked(purpose, standing, signals) for purpose in shown.purposes)
    gpc = signalled(standing, signals)
    return NoticeReply(shown.notice, asked, shown.jurisdiction, shown.regime, gpc, labels(where.locale), due)


def _asked_site(request: AnyRequest, hallway: Hallway) -> Where:
    where = hallway.where(request)
    named = request.query_params.get("site")
    if named is None:
        return where
    if named not in hallway.bundle.sites:
        raise NotKnown
    return msgspec.structs.replace(where, site=named)


def _asked(purpose: PurposeShown, standing: Standing | None, signals: Signals) -> Asked:
    answer = None
    speaker = standing.speaker if standing else None
    if standing is not None:
        row = speaker.statuses.get(purpose_rule(purpose.purpose)) if speaker else None
        if row is not None:
            answer = str(row.on(standing.today))
        elif purpose.purpose in signals.closed:
            answer = "refused"
    return Asked(**msgspec.structs.asdict(purpose), answer=answer)


@post("/v1/answers", status_code=201)
async def answer(
    request: AnyRequest,
    desk: NamedDependency[ConsentDesk],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    reception: NamedDependency[Reception],
) -> Response[Any]:
    """Record an answer: one leaf, one receipt. A form post gets 303 back to where it came from."""
    body = await request.body()
    where = hallway.where(request)
    if request.headers.get("content-type", "").startswith(FORM):
        fields = form(body)
        key = own_key(fields, body)
        said = hallway.check_yes(request, caller, said_by_form(fields, hallway.bundle, where))
        heard = reception.hear(said, signals, where, "form")
        taken = await desk.take(caller, said, signals, where, idempotency_key=key, body=body, heard=heard)
        way = back(fields.get("return_to", "/preferences"), hallway.site_origins())
        reply: Response[Any] = Redirect(way, status_code=303)
    else:
        key = idempotency_key(request.headers.get("idempotency-key"))
        said = hallway.check_yes(request, caller, expressed_here(decode(body, Said), signals))
        heard, evidence = reception.hear(said, signals, where, "script"), tcf.evidence(said.tc_string)
        taken = await desk.take(
            caller, said, signals, where, idempotency_key=key, body=body, evidence=evidence, heard=heard
        )
        url = f"{hallway.origin}/v1/receipts/{taken.receipt_id}"
        told = _told(hallway.bundle, where, taken.permissions, gpc=taken.gpc)
        reply = Response(
            AnswerReply(taken.receipt_id, taken.leaf_index, taken.permissions, taken.answer_due, url, told),
            status_code=201,
        )
    set_cookies(reply, taken, hallway, where)
    return reply


def expressed_here(said: Said, signals: Signals) -> Said:
    """Return `said` if a browser can have expressed it so. Raises Malformed, as for any other word it cannot use."""
    if said.method in BY_BROWSER or (said.method is ExpressionMethod.GPC and signals.gpc):
        return said
    raise Malformed("`method` is accept_all, refuse_all, save or undo, or gpc where the browser sends that signal")


def set_cookies(reply: Response[Any], taken: Taken, hallway: Hallway, where: Where) -> None:
    """Give the browser what its answer needs: a session after a first yes, and always its choice."""
    if taken.session_token is not None:
        reply.set_cookie(hallway.session(taken.session_token))
    reply.set_cookie(hallway.choice(taken.choice, where.site))


def said_by_form(fields: dict[str, str], bundle: Bundle, where: Where) -> Said:
    """Return what a form said: `accept_all` and `refuse_all` are about every purpose that can be chosen.

    Other methods take `answer.<purpose>`, `answer.<purpose>/<channel>`, `answer.<purpose>//<recipient>`.
    """
    method = fields.get("method", "save")
    if method in {"accept_all", "refuse_all"}:
        asked = bundle.current_notice(bundle.sites[where.site].notice).purposes
        word = Answer.GIVEN if method == "accept_all" else Answer.REFUSED
        answers = [SaidAnswer(purpose, word) for purpose in asked if not bundle.purposes[purpose].required]
    else:
        answers = [_said(name, value) for name, value in fields.items() if name.startswith("answer.")]
    if method not in BY_BROWSER:
        raise Malformed("`method` is accept_all, refuse_all, save or undo")
    return Said(NoticeVersion(fields.get("notice", "")), tuple(answers), ExpressionMethod(method))


def field_name(answer: SaidAnswer) -> str:
    """Return the field of a form that gives this answer."""
    under = f"//{answer.recipient}" if answer.recipient else f"/{answer.channel}" if answer.channel else ""
    return f"answer.{answer.purpose}{under}"


def _said(name: str, value: str) -> SaidAnswer:
    purpose, _, rest = name.removeprefix("answer.").partition("/")
    if value not in set(Answer):
        raise Malformed("`answer.…` is given, refused, withdrawn or objected")
    if rest.startswith("/"):
        return SaidAnswer(Purpose(purpose), Answer(value), recipient=rest[1:])
    return SaidAnswer(Purpose(purpose), Answer(value), channel=rest or None)


def asked_times(request: AnyRequest) -> When | None:
    """Return the time that is asked about, and as known when; None for a question about now.

    Raises Malformed for a time that cannot be read, has not come yet, or is named twice.
    """
    given = {name: request.query_params.getall(name, []) for name in ("at", "known")}
    if not any(given.values()):
        return None
    for name, texts in given.items():
        if len(texts) > 1:
            raise Malformed(f"`{name}` is one time")
    at, known = (texts[0] if texts else None for texts in given.values())
    return when(at, known, datetime.now(UTC))


@get("/v1/permissions")
async def permitted(
    request: AnyRequest,
    desk: NamedDependency[ConsentDesk],
    history: NamedDependency[History],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
    where: NamedDependency[Where],
    reception: NamedDependency[Reception],
) -> PermissionsReply | Past:
    """What is permitted now, and why; with `question=1` also what to ask, if an answer is due.

    With `at` or `known`, what was permitted then, proven from the log.
    """
    asked = asked_times(request)
    with_question = request.query_params.get("question") == "1"
    if with_question:
        where = _asked_site(request, hallway)
    standing = await desk.standing(caller)
    if asked is not None:
        return await history.of(standing, asked, where)
    rows = permissions(standing, signals)
    question, due = None, answer_due(standing, signals, rows)
    if due:
        reception.met(standing.bundle, where, "script", SERVED)
    if due and with_question:
        reception.met(standing.bundle, where, "script", SEEN)
        question = _question(desk, standing, signals, where, due=due)
    shown = standing.bundle.current_notice(standing.bundle.sites[where.site].notice)
    rows = capturing(rows, hallway.preferences)
    told = _told(standing.bundle, where, rows, gpc=signalled(standing, signals))
    return PermissionsReply(rows, NoticeVersion(shown.name), due, told, question)


def _told(bundle: Bundle, where: Where, rows: tuple[PermissionRow, ...], *, gpc: bool) -> platform.Gpp | None:
    """What `__gpp` of the page is to tell from now on; None where no section applies."""
    told = platform.told(bundle, bundle.jurisdiction(where.jurisdiction), rows, gpc=gpc)
    return told if told.section_list else None


@get("/v1/receipts")
async def my_receipts(
    desk: NamedDependency[ConsentDesk], receipts: NamedDependency[Receipts], caller: NamedDependency[Caller]
) -> dict[str, Any]:
    """What I said, newest first; the names of receipts are not kept, so these carry none."""
    acts = await receipts.mine(await desk.standing(caller))
    return {"receipts": [{"leaf_index": act.leaf_index, **event_parts(act.event)} for act in acts]}


def receipt_bytes(receipt_id: str) -> bytes:
    """Return the 32 bytes that a receipt's name stands for. Raises NotKnown for any other text."""
    if len(receipt_id) != RECEIPT_ID_CHARS:
        raise NotKnown
    try:
        return urlsafe_b64decode(receipt_id + "=")
    except (Base64Error, ValueError):
        raise NotKnown from None


def event_parts(event: Any) -> dict[str, Any]:
    """Return the members of a receipt that were parsed from its payload."""
    parts: dict[str, Any] = msgspec.to_builtins(event, str_keys=True)
    return parts


@get("/v1/receipts/{receipt_id:str}")
async def receipt(receipt_id: FromPath[str], request: AnyRequest, receipts: NamedDependency[Receipts]) -> Response[Any]:
    """One receipt, to whoever holds its name: JSON, or with `Accept: text/plain` the proof alone."""
    found = await receipts.of(receipt_bytes(receipt_id))
    accept = request.headers.get("accept", "")
    if accept.startswith("text/plain"):
        return Response(found.proof, media_type=MediaType.TEXT)
    return Response(receipt_reply(found))


def receipt_reply(found: Receipt) -> dict[str, Any]:
    """Return the JSON form of a receipt."""
    return {
        "payload": found.payload.decode(),
        "leaf_index": found.leaf_index,
        **event_parts(found.event),
        "proof": found.proof,
    }
