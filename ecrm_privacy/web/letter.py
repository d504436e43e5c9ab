"""What the preferences page and a receipt say, put into words from permissions and the policy. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec

from ecrm_privacy.consent.receipts import Act, Receipt
from ecrm_privacy.consent.standing import PermissionRow, Standing
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.notice import NoticePayload, PurposeShown
from ecrm_privacy.rights.requests import Told
from ecrm_privacy.vocabulary import YES, Answer, Category, ConsentStatus, LegalBasis, Purpose, RightKind
from ecrm_privacy.web.messages import TYPED
from ecrm_privacy.words import writing
from ecrm_privacy.words.catalogue import Words, filled

PROOF = ".tlog-proof"
"""How the name of a receipt ends that is to be kept."""
MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2})\S*")
KINDS = {"status": ("answer", "request"), "asked": ("request",), "kind": ("right",), "type": ("event",)}
"""Columns of a copy whose values have words of their own: `status` → `answer_given`, `request_fulfilled`."""


def rows(
    shown: NoticePayload, since: Mapping[Purpose, date], permitted: Sequence[PermissionRow], t: Words
) -> list[dict[str, Any]]:
    """Return one row per purpose of the notice, with its channels and recipients; `since` is when each was answered."""
    by_rule = {(row.purpose, row.channel or "", row.recipient or ""): row for row in permitted}
    return [_row(purpose, by_rule, since, t, shown.notice.locale) for purpose in shown.purposes]


def _row(
    purpose: PurposeShown, by_rule: Mapping[Any, PermissionRow], since: Mapping[Purpose, date], t: Words, locale: str
) -> dict[str, Any]:
    permission = by_rule[purpose.purpose, "", ""]
    said = since.get(purpose.purpose)
    return {
        "purpose": purpose.purpose,
        "name": purpose.name,
        "text": purpose.text,
        "benefit": purpose.benefit,
        "categories": [category.name for category in purpose.categories],
        "retention": purpose.retention,
        "basis": purpose.basis,
        "required": purpose.required,
        "since_text": filled(t, "since", day=writing.day(said, locale)) if said else "",
        **_answer(permission, t),
        "channels": [
            {
                "channel": each.channel,
                "name": each.name,
                "own_yes": each.own_yes,
                "by_address": f"/sign-up/{purpose.purpose}/{each.channel}" if each.channel in TYPED else "",
                **_answer(by_rule[purpose.purpose, each.channel, ""], t),
            }
            for each in purpose.channels
        ],
        "recipients": [
            {
                "recipient": each.recipient,
                "name": each.name,
                "own_yes": each.own_yes,
                **_answer(by_rule[purpose.purpose, "", each.recipient], t),
            }
            for each in purpose.recipients
        ],
    }


def _answer(permission: PermissionRow, t: Words) -> dict[str, Any]:
    because = t.get("because_parent" if permission.by_parent else f"because_{permission.because}", "")
    status = t["waits"] if permission.waits else t[f"status_{permission.status}"]
    return {
        "allowed": permission.allowed,
        "status": permission.status,
        "status_text": because if permission.by_parent else status,
        "because_text": because,
        "here_only": permission.here_only,
        "waits": permission.waits,
        "stands": not permission.allowed and (permission.waits or permission.status in YES),
        "next_answer": str(Answer.WITHDRAWN if permission.allowed else Answer.GIVEN),
    }


def field_name(field: str, t: Words) -> str:
    """Return what people call a field of a profile or a column; what has no word keeps its name."""
    return t.get(f"field_{field}", field.replace("_", " "))


def known(bundle: Bundle, locale: str, profile: Mapping[str, Mapping[str, str]], t: Words) -> list[dict[str, Any]]:
    """Return what is known about a subject, by category."""
    return [
        {
            "category": category,
            "name": bundle.categories[Category(category)].texts[locale].name,
            "fields": [{"field": field_name(field, t), "value": value} for field, value in fields.items() if value],
        }
        for category, fields in profile.items()
        if category in bundle.categories and any(fields.values())
    ]


def acts(found: Sequence[Act], bundle: Bundle, locale: str, t: Words) -> list[dict[str, Any]]:
    """Return one line per act of the subject."""
    return [
        {
            "at_text": writing.moment(act.event.event_time, locale),
            "summary": f"{t['comma']} ".join(
                dict.fromkeys(
                    filled(
                        t,
                        "pair",
                        name=purpose_name(bundle, change.purpose, locale),
                        value=t.get(f"answer_{change.status}", change.status),
                    )
                    for change in act.event.changes
                    if not change.channel and not change.recipient
                )
            )
            or _restriction(act, t)
            or t[f"method_{act.event.method}"],
            "entry_text": filled(t, "entry", index=writing.figures(str(act.leaf_index), locale)),
            "url": f"/preferences/receipts/{act.leaf_index}",
        }
        for act in found
    ]


def _restriction(found: Act | Receipt, t: Words) -> str:
    """Say of an entry that it restricts, or lifts that; empty for any other."""
    state = found.event.state
    if found.event.kind.value != RightKind.RESTRICTION.value or state is None:
        return ""
    return t["check_act_restriction" if state.restricted else "check_act_lifted"]


def purpose_name(bundle: Bundle, purpose: str, locale: str) -> str:
    """Return a purpose's name for people; a purpose that the policy dropped keeps its word."""
    return _name(bundle.purposes, purpose, locale)


def _name(documents: Mapping[Any, Any], word: str, locale: str) -> str:
    document = documents.get(word)
    return str(document.texts[locale].name) if document else word


def receipt(found: Receipt, at: str, bundle: Bundle, locale: str, t: Words, json_url: str = "") -> dict[str, Any]:
    """Return what the page of the receipt at that address says."""
    turned = _restriction(found, t)
    note = found.proof.rpartition("\n\n\N{EM DASH}")[0].split("\n")
    return {
        "when_text": writing.moment(found.event.event_time, locale),
        "notice": found.event.notice,
        "method_text": "" if turned else t[f"method_{found.event.method}"],
        "evidence": found.event.evidence,
        "changes": [{"name": turned, "answer_text": "", "until_text": ""}] * bool(turned)
        + [
            {
                "name": " · ".join(
                    part
                    for part in (
                        purpose_name(bundle, change.purpose, locale),
                        _name(bundle.channels, change.channel, locale),
                        _name(bundle.recipients, change.recipient, locale),
                    )
                    if part
                ),
                "answer_text": t.get(f"answer_{change.status}", change.status),
                "until_text": filled(t, "until", day=writing.day(change.until, locale)) if change.until else "",
            }
            for change in found.event.changes
        ],
        "leaf_index": found.leaf_index,
        "origin": note[-3] if len(note) >= 3 else "",
        "tree_size": note[-2] if len(note) >= 3 else "",
        "root_hash": note[-1],
        "payload": found.payload.decode(),
        "json_url": json_url,
        "text_url": f"{at}{PROOF}",
        "file_name": f"receipt-{found.leaf_index}.tlog-proof",
    }


def rights(
    standing: Standing, permitted: Sequence[PermissionRow], told: Sequence[Told], by: date, locale: str, t: Words
) -> dict[str, Any]:
    """Return what the page says of rights: what was asked for, what is left to object to, and the day of an answer.

    `by` is the day by which a request of today is answered.
    """
    rested = [row for row in permitted if not row.channel and not row.recipient and _can_be_objected_to(standing, row)]
    restricted = any(view.restricted for view in standing.views)
    return {
        "known": standing.speaker is not None,
        "restricted": restricted,
        "answer_by": filled(t, "answer_by", day=writing.day(by, locale)),
        "asked": [
            {
                "request_id": str(each.row.request_id) if each.can_be_taken_back else "",
                "title": t[f"right_{each.row.kind}"],
                "url": f"/requests/{each.row.request_id}",
                "text": _stands(each, locale, t),
            }
            for each in told
        ],
        "objections": [
            {"field": f"answer.{row.purpose}", "name": purpose_name(standing.bundle, row.purpose, locale)}
            for row in rested
            if row.allowed or (row.because == "restricted" and row.status != ConsentStatus.OBJECTED)
        ],
        "objected": bool(rested),
    }


def _can_be_objected_to(standing: Standing, row: PermissionRow) -> bool:
    purpose = standing.bundle.purposes[row.purpose]
    return purpose.basis is not LegalBasis.CONSENT and not purpose.required


def _stands(told: Told, locale: str, t: Words) -> str:
    row = told.row
    if row.ended is None:
        return filled(t, "answer_by", day=writing.day(row.expected_by, locale))
    return filled(t, "pair", name=t[f"request_{row.status}"], value=writing.day(row.ended, locale))


def request(told: Told, locale: str, t: Words) -> dict[str, Any]:
    """Return what the page of a request says."""
    row = told.row
    copied = row.kind in {RightKind.ACCESS, RightKind.PORTABILITY} and told.is_own
    return {
        "title": t[f"right_{row.kind}"],
        "status_text": t[f"request_{row.status}"],
        "due_text": "" if row.ended else writing.day(row.expected_by, locale),
        "history": [
            {"name": t[f"request_{step.status}"], "day_text": writing.day(step.on, locale) if step.on else ""}
            for step in told.history
        ],
        "wording": told.wording,
        "reason": told.reason,
        "request_id": str(row.request_id) if told.can_be_taken_back else "",
        "export_url": f"/requests/{row.request_id}/copy" if copied else "",
        "certificate": certificate(row.certificate, locale) if row.certificate else None,
    }


def certificate(text: str, locale: str) -> dict[str, Any]:
    """Return what the certificate of an erasure says, and its whole text."""
    held = msgspec.json.decode(text)
    return {
        "requested_text": writing.day(date.fromisoformat(held["requested"]), locale),
        "done_text": writing.day(date.fromisoformat(held["done"]), locale),
        "stays": held["stays"],
        "text": _json(held),
    }


def sections(package: Mapping[str, Any], bundle: Bundle, locale: str, t: Words) -> list[dict[str, Any]]:
    """Return an export as headed tables: one section per holder, one table per list or mapping in it.

    Whoever is known twice, by an account and by a browser that it did not take over, finds both, numbered.
    """
    made: list[dict[str, Any]] = []
    subjects = package["about_you"]
    for number, subject in enumerate(subjects, 1):
        which = f" ({number}/{len(subjects)})" if len(subjects) > 1 else ""
        for holder, held in subject.items():
            parts = held.items() if isinstance(held, Mapping) else [("", held)]
            tables = [
                table
                for name, part in parts
                if (table := _table(_heading(str(name), bundle, locale, t), part, bundle, locale, t))
            ]
            made.append({"name": _heading(holder, bundle, locale, t) + which, "text": "", "tables": tables})
    return made


def _heading(name: str, bundle: Bundle, locale: str, t: Words) -> str:
    """Return a part's name for people; what has none keeps its word."""
    if name in bundle.categories:
        return bundle.categories[Category(name)].texts[locale].name
    return t.get(f"held_{name}", name.replace("_", " "))


def _table(name: str, part: Any, bundle: Bundle, locale: str, t: Words) -> dict[str, Any] | None:
    """A list of mappings becomes a table, with those of their keys as columns that say something; a mapping, a pair."""
    if not part:
        return None
    if isinstance(part, Mapping):
        lines = [[field_name(key, t), _cell(key, value, bundle, locale, t)] for key, value in part.items()]
        return {"name": name, "columns": ["", ""], "rows": lines}
    if isinstance(part, list) and all(isinstance(line, Mapping) for line in part):
        said = {key for line in part for key, value in line.items() if value is not None and value != ""}
        keys = [key for key in dict.fromkeys(key for line in part for key in line) if key in said]
        rows = [[_cell(_column(key, line), line.get(key), bundle, locale, t) for key in keys] for line in part]
        return {"name": name, "columns": [field_name(key, t) for key in keys], "rows": rows}
    return {"name": name, "columns": [""], "rows": [[_cell("", part, bundle, locale, t)]]}


def _column(key: str, line: Mapping[str, Any]) -> str:
    """A request and an answer have a status each, and some of their words are the same."""
    return "asked" if key == "status" and "kind" in line else key


def _cell(column: str, value: Any, bundle: Bundle, locale: str, t: Words) -> Any:
    """A value in people's words; a whole record to unfold, under the moment it was made.

    Days and moments stay ISO 8601, which stand in line in a column.
    """
    if isinstance(value, Mapping | list):
        made = str(value.get("dct:created", "")) if isinstance(value, Mapping) else ""
        return {"name": MOMENT.sub(r"\1 \2", made) or t["export_record"], "text": _json(value)}
    if value is None:
        return ""
    if isinstance(value, bool):
        return t[f"answer_{Answer.GIVEN if value else Answer.REFUSED}"]
    named: dict[str, Mapping[Any, Any]] = {
        "purpose": bundle.purposes, "channel": bundle.channels, "recipient": bundle.recipients,
    }  # fmt: skip
    if (document := named.get(column, {}).get(value)) is not None:
        return document.texts[locale].name
    words = (t[key] for kind in KINDS.get(column, ()) if (key := f"{kind}_{value}") in t)
    return next(words, MOMENT.sub(r"\1 \2", str(value)))


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
