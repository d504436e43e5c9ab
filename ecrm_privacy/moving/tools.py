"""The formats of four sources, as they were found in their sources; each becomes acts in the tool's own names.

vanilla-cookieconsent 3.1.0 (and 2.9.2): the cookie `cc_cookie`, or what its page on consent logging sends to a server.
Klaro 0.7.22: the cookie `klaro`, or the body that its client submits as a consent record. c15t: the tables of
@c15t/backend 2.1.0 (and 1.8.6). And a table of answers, one in each row.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from ecrm_privacy.errors import Malformed
from ecrm_privacy.imports import rows
from ecrm_privacy.moving.mapping import AnswerMapping, text_of

Row = Mapping[str, Any]

EVIDENCE_CHARS_MOST = 300
BANNER = "cookie_banner"
"""The kind of policy under which c15t keeps answers to purposes; every other one is a document that was accepted."""


class Act(msgspec.Struct, frozen=True):
    """What one person said at one time: True, False, or None for a yes that was nobody's choice, by the tool's names.

    With `only_yes` the tool writes down what was accepted alone, and a name that is missing was refused. `lasting`: a
    no of which nobody knows when it was said, so that no yes comes after it.
    """

    at: datetime
    said: Mapping[str, bool | None]
    policy: str = ""
    evidence: str = ""
    only_yes: bool = False
    until: datetime | None = None
    lasting: bool = False
    domain: str = ""


class Source(msgspec.Struct, frozen=True):
    """How the rows of one source are read. Both raise ValueError with a cause that quotes nothing."""

    customer_number: Callable[[Row], str]
    act: Callable[[Row], Act]


def source(mapping: AnswerMapping, path: Path) -> Source:
    """Return how the rows of a file are read. Raises Malformed where c15t's other tables are not beside it."""
    if mapping.tool == "c15t":
        return _c15t(mapping, path)
    read = {"vanilla-cookieconsent": _vanilla, "klaro": _klaro, "table": _table}[mapping.tool]
    return Source(lambda row: text_of(mapping.customer_number, "customer_number", row), lambda row: read(mapping, row))


# vanilla-cookieconsent ------------------------------------------------------------------------------------------------


class Vanilla(msgspec.Struct, frozen=True, rename="camel"):
    """The cookie of version 3, and beside it what its page on logging sends."""

    categories: list[str] | None = None
    services: dict[str, list[str]] = {}
    revision: int = 0
    consent_id: str = ""
    consent_timestamp: datetime | None = None
    last_consent_timestamp: datetime | None = None
    expiration_time: int | None = None
    accepted_categories: list[str] | None = None
    rejected_categories: list[str] = []
    accepted_services: dict[str, list[str]] = {}
    rejected_services: dict[str, list[str]] = {}


class Vanilla2(msgspec.Struct, frozen=True):
    """What version 2 called differently."""

    consent_date: datetime | None = None
    consent_uuid: str = ""
    last_consent_update: datetime | None = None


def _vanilla(mapping: AnswerMapping, row: Row) -> Act:
    record = _record(mapping, row, "categories", "acceptedCategories")
    cookie, old = _convert(record, Vanilla), _convert(record, Vanilla2)
    said: dict[str, bool | None] = dict.fromkeys(
        [*cookie.rejected_categories, *_inner(cookie.rejected_services)], False
    )
    accepted = cookie.accepted_categories if cookie.categories is None else cookie.categories
    if accepted is None:
        raise ValueError("no record of vanilla-cookieconsent")
    yes = [*accepted, *_inner(cookie.services), *_inner(cookie.accepted_services)]
    said |= {name: True for name in yes if name not in said}
    at = (
        cookie.last_consent_timestamp or old.last_consent_update or cookie.consent_timestamp or old.consent_date
        or _at(mapping, row)
    )  # fmt: skip
    version = 2 if old.consent_uuid or old.consent_date else 3
    name = _name(cookie.consent_id or old.consent_uuid)
    return Act(
        _utc(at), said, str(cookie.revision), f"vanilla-cookieconsent {version}, revision {cookie.revision}{name}",
        only_yes=True, until=_moment(cookie.expiration_time),
    )  # fmt: skip


def _inner(services: Mapping[str, Iterable[str]]) -> list[str]:
    return [f"{category}/{service}" for category, named in services.items() for service in named]


# Klaro ----------------------------------------------------------------------------------------------------------------

CHOSEN = frozenset({"accept", "save"})
"""The acts in which a yes was a choice. In a `decline` only what cannot be declined is true; a `script` is nobody."""
UNSAID = frozenset({"show", "contextual-accept"})
"""Acts that say nothing of the services that they list: the notice was shown; one frame alone was allowed."""


class KlaroConsent(msgspec.Struct, frozen=True):
    """`consent_data` of a consent record."""

    consents: dict[str, bool]
    type: str = "script"
    config: str | None = None


class KlaroPlace(msgspec.Struct, frozen=True):
    """`location_data` of a consent record."""

    hostname: str = ""


def _klaro(mapping: AnswerMapping, row: Row) -> Act:
    record = _record(mapping, row, "consent_data")
    at = _at(mapping, row)
    if "consent_data" not in record:
        said: Mapping[str, bool | None] = _convert(record, dict[str, bool])
        return Act(at, said, evidence="Klaro cookie")
    data = _convert(_decoded(record["consent_data"]), KlaroConsent)
    chosen = data.type in CHOSEN
    said = (
        {} if data.type in UNSAID else {name: yes if chosen or not yes else None for name, yes in data.consents.items()}
    )
    kind = _word(data.type)
    place = _convert(record.get("location_data") or {}, KlaroPlace)
    evidence = f"Klaro consent record{f', {kind}' if kind else ''}"
    return Act(at, said, data.config or "", evidence, domain=place.hostname)


# c15t -----------------------------------------------------------------------------------------------------------------


class C15t(msgspec.Struct, frozen=True, rename="camel"):
    """A row of `consent`. Versions 1 and 2 have columns of their own; both are here."""

    id: str
    subject_id: str
    given_at: Any
    domain_id: str = ""
    policy_id: str | None = None
    purpose_ids: Any = None
    valid_until: Any = None
    jurisdiction_model: str | None = None
    consent_action: str | None = None
    runtime_policy_decision_id: str | None = None
    status: str | None = None
    is_active: Any = None


def _c15t(mapping: AnswerMapping, path: Path) -> Source:
    subjects = {str(row.get("id")): row for row in _beside(path, "subject", needed=True)}
    codes = {str(row.get("id")): str(row.get("code")) for row in _beside(path, "consentPurpose", needed=True)}
    policies = {str(row.get("id")): row for row in _beside(path, "consentPolicy", needed=True)}
    decided = {str(row.get("id")): row for row in _beside(path, "runtimePolicyDecision", needed=False)}
    domains = {str(row.get("id")): str(row.get("name")) for row in _beside(path, "domain", needed=bool(mapping.domain))}
    if len(domains) > 1 and not mapping.domain:
        raise Malformed(
            f"{path.name}: the answers of {len(domains)} domains; say which by `domain` in the mapping file"
        )

    def customer(row: Row) -> str:
        subject = subjects.get(str(_camel(row).get("subjectId")), {})
        return text_of(mapping.customer_number, "externalId", subject)

    def act(row: Row) -> Act:
        record = _convert({name: cell for name, cell in _camel(row).items() if cell not in (None, "")}, C15t)
        policy = policies.get(record.policy_id or "")
        if policy is None:
            raise ValueError("it names no policy that stands in consentPolicy")
        at, until = _moment(record.given_at), _moment(record.valid_until)
        if at is None:
            raise ValueError("givenAt: no time")
        kind, version = str(policy.get("type")), 2 if "consentAction" in _camel(row) else 1
        evidence = f"c15t {version}, {_word(kind) or 'policy'}{_name(record.id)}"
        label, domain = str(policy.get("version") or ""), domains.get(record.domain_id, "")
        named = _listed(record.purpose_ids)
        if kind != BANNER and not named and record.consent_action is None:
            return Act(at, {kind: True}, label, evidence, until=until, domain=domain)
        ended = record.status not in {None, "active", "expired"} or str(record.is_active).lower() in {"f", "false", "0"}
        if ended:
            return Act(at, {}, label, evidence, only_yes=True, lasting=True, domain=domain)
        decision = decided.get(record.runtime_policy_decision_id or "", {})
        ticked = frozenset(_listed(decision.get("preselectedCategories")))
        unasked = record.jurisdiction_model == "opt-out"
        said = {
            name: None
            if record.consent_action != "accept_all" and (unasked or name in ticked or "*" in ticked)
            else True
            for name in (codes.get(each, each) for each in named)
        }
        until = at if record.status == "expired" else until
        return Act(at, said, label, evidence, only_yes=True, until=until, domain=domain)

    return Source(customer, act)


def _beside(path: Path, table: str, *, needed: bool) -> list[Row]:
    """Read a further table from the folder in which that of `consent` lies."""
    snake = re.sub(r"([A-Z])", lambda found: f"_{found[1].lower()}", table)
    for found in sorted(path.parent.iterdir()):
        if found.name.partition(".")[0] in {table, snake} and found != path:
            return [_camel(row) for _, row in rows(found)]
    if needed:
        raise Malformed(f"{path.name}: the table {table} stands beside it, as {table}.csv or {table}.ndjson")
    return []


def _camel(row: Row) -> Row:
    """Columns as c15t names them; some of its adapters write them with underscores."""
    return {re.sub(r"_([a-z])", lambda found: found[1].upper(), str(name)): cell for name, cell in row.items()}


# a table --------------------------------------------------------------------------------------------------------------


def _table(mapping: AnswerMapping, row: Row) -> Act:
    name, word = _cell(row, "purpose"), _cell(row, "answer").lower()
    if _cell(row, "recipient") and _cell(row, "channel"):
        raise ValueError("channel, recipient: an answer is about one of them")  # to both it is less than to either
    if recipient := _cell(row, "recipient"):
        name = f"{name}//{recipient}"
    elif channel := _cell(row, "channel"):
        name = f"{name}/{channel}"
    if not name:
        raise ValueError("purpose: missing")
    if word not in {*mapping.yes, *mapping.no}:
        raise ValueError("answer: neither among the words for yes nor among those for no")
    evidence = _cell(row, "evidence")[: EVIDENCE_CHARS_MOST - 7]
    return Act(
        _at(mapping, row), {name: word in mapping.yes}, _cell(row, "notice"), f"table{evidence and ': '}{evidence}",
        until=_moment(_cell(row, "until")),
    )  # fmt: skip


# cells ----------------------------------------------------------------------------------------------------------------


def _record(mapping: AnswerMapping, row: Row, *marks: str) -> Row:
    """Return the tool's own record: the row itself where it has one of its fields, else what stands in one column."""
    if any(row.get(mark) not in (None, "") for mark in marks):
        return {name: _decoded(cell) for name, cell in row.items() if cell not in (None, "")}
    found = _decoded(row.get(mapping.record))
    if not isinstance(found, dict):
        raise ValueError(f"no record of {mapping.tool}")
    return found


def _decoded(cell: Any) -> Any:
    """Return what a cell says: JSON in a text becomes what it is, also as a cookie has it (RFC 3986, section 2.1)."""
    if not isinstance(cell, str):
        return cell
    text = unquote(cell) if cell.startswith("%") else cell
    if not text.startswith(("{", "[")):
        return cell
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ValueError("not JSON") from None


def _convert(found: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        _, _, place = str(error).partition(" - at ")
        field = re.match(r"`\$\.(\w+)", place)
        raise ValueError(
            f"not written as {kind.__name__.lower()} has it{f', at {field[1]}' if field else ''}"
        ) from None


def _listed(cell: Any) -> list[str]:
    """Return a list of names, as JSON has it or wrapped in `{"json": …}`; none for an empty cell."""
    found = _decoded(cell)
    if isinstance(found, dict):
        found = found.get("json")
    if found in (None, ""):
        return []
    return list(_convert(found, list[str]))


def _cell(row: Row, column: str) -> str:
    found = row.get(column)
    return "" if found is None else str(found).strip()


def _at(mapping: AnswerMapping, row: Row) -> datetime:
    found = _moment(mapping.at.of(row))
    if found is None:
        raise ValueError("when it was said: missing")
    return found


def _moment(cell: Any) -> datetime | None:
    """Return a time: RFC 3339, as a database writes it, or in (milli)seconds since 1970; UTC where no zone is named."""
    if cell in (None, "", 0, "0"):
        return None
    if isinstance(cell, datetime):
        return _utc(cell)
    try:
        number = float(cell)
    except (TypeError, ValueError):
        try:
            return _utc(datetime.fromisoformat(str(cell).strip()))
        except ValueError:
            raise ValueError("a time that is none") from None
    try:
        return datetime.fromtimestamp(number / 1000 if abs(number) > 1e11 else number, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError("a time that is none") from None


def _utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        return at.replace(tzinfo=UTC)


def _word(text: str) -> str:
    """Return a word of a format if it is one: what else stands in its place could be anything."""
    return text if re.fullmatch(r"[a-z][a-z_-]{0,40}", text) else ""


def _name(record: str) -> str:
    """Return by which name the tool can be asked for its record again."""
    return f", record {record}" if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", record) else ""
