"""Part of promise 10: what comes from elsewhere opens nothing that was not said, and nothing that was closed here."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecrm_privacy.consent.answer import SaidAnswer
from ecrm_privacy.consent.desk import Where
from ecrm_privacy.consent.imported import AnswerImport, ImportedAnswer
from ecrm_privacy.consent.standing import SubjectView, permissions
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.imports import Importer
from ecrm_privacy.moving.answers import reader
from ecrm_privacy.policy.documents import Rule
from ecrm_privacy.vault.blind_index import IndexKind
from ecrm_privacy.vocabulary import YES, Answer, NoticeVersion, SubjectId
from tests import scenes
from tests.conftest import Database
from tests.houses import NOTICE, Opened, running
from tests.lengths import examples
from tests.scenes import Scene
from tests.unit.policy.policies import SHIPPED

TODAY = datetime.now(UTC).date()
WHERE = Where("demo", "en", "eu")
CAN_REFUSE = [rule for rule in SHIPPED.rules if not SHIPPED.purposes[rule.purpose].required]
SERVICES = {"a": "measure", "b": "measure", "c": "advertise", "d": "personalize"}
MAPPING = f"""
from = "klaro"
[notices]
old = "{NOTICE}"
[answers]
a = "measure"
b = "measure"
c = {{rule = "advertise", closes = ["share"]}}
d = {{rule = "personalize", preselected = true}}
"""

Record = tuple[int, dict[str, bool], str, str]
"""A consent record of Klaro: the day, what it says, the kind of act, the name of the configuration."""

records = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.dictionaries(st.sampled_from("abcdx"), st.booleans(), max_size=5),
        st.sampled_from(("accept", "save", "save", "decline", "script", "show")),
        st.sampled_from(("old", "old", "new")),
    ),
    max_size=6,
)


async def _nowhere(_: Sequence[ImportedAnswer]) -> list[str]:
    return []


def read(folder: Path, drawn: Sequence[Record]) -> dict[str, Answer]:
    """What would be imported of one person's records, by our rules."""
    path, mapping = folder / "klaro.ndjson", folder / "mapping.toml"
    mapping.write_text(MAPPING)
    path.write_text("\n".join(json.dumps(_line(*record)) for record in drawn))
    lines, _ = reader(SHIPPED)(path, Importer("answers", ImportedAnswer, _nowhere), mapping)
    found: dict[str, Answer] = {}
    for line in lines:
        for answer in msgspec.json.decode(line, type=ImportedAnswer).answers:
            assert answer.purpose not in found, "one answer to each"
            found[answer.purpose] = answer.answer
    return found


def _line(day: int, consents: dict[str, bool], kind: str, config: str) -> dict[str, Any]:
    data = {"consents": consents, "type": kind, "config": config}
    return {"customer_number": "C-1", "at": f"2025-01-0{day + 1}", "consent_data": data}


@given(records)
def test_only_what_was_said_becomes_a_yes(tmp_path_factory: Any, drawn: list[Record]) -> None:
    """A yes was chosen last, under a text that is mapped, to everything that is mapped to it; a last no stays a no."""
    folder = tmp_path_factory.getbasetemp() / "drawn"
    folder.mkdir(exist_ok=True)
    found = read(folder, drawn)
    for purpose in set(SERVICES.values()):
        last = {name: _last(drawn, name) for name, rule in SERVICES.items() if rule == purpose}
        if found.get(purpose) is Answer.GIVEN:
            assert set(last.values()) == {True} and purpose != "personalize"
        if False in last.values():
            assert found[purpose] is Answer.WITHDRAWN
        if set(last.values()) == {None}:
            assert purpose not in found
    assert ("share" in found) == (_last(drawn, "c") is False)
    assert found.keys() <= {*SERVICES.values(), "share"}


def _last(drawn: Sequence[Record], name: str) -> bool | None:
    """What a person said last to one service, the plain way: a no in any act of theirs, a yes that they chose."""
    said = [
        (day, not consents[name])
        for day, consents, kind, config in drawn
        if name in consents and kind != "show"
        and (not consents[name] or (kind in {"accept", "save"} and config == "old" and name != "d"))
    ]  # fmt: skip
    return not max(said)[1] if said else None


lines = st.lists(
    st.builds(
        ImportedAnswer,
        customer_number=st.just(""),
        notice=st.sampled_from([NOTICE, NOTICE, NOTICE, "shop@9"]).map(NoticeVersion),
        answers=st.lists(
            st.builds(
                lambda rule, answer: SaidAnswer(rule.purpose, answer, rule.channel or None, rule.recipient or None),
                st.sampled_from(CAN_REFUSE),
                st.sampled_from([*Answer, Answer.GIVEN]),
            ),
            min_size=1,
            max_size=6,
        ).map(tuple),
        at=st.integers(-500, 2).map(lambda days: datetime.now(UTC) + timedelta(days=days)),
        until=st.none() | st.integers(-500, 500).map(lambda days: TODAY + timedelta(days=days)),
    ),
    min_size=1,
    max_size=4,
)


def test_nothing_here_is_widened(database: Database, tmp_path: Path) -> None:
    """Drawn lines meet people who may have answered anything, under any law: what was closed stays closed."""
    with running(database, tmp_path) as (runner, opened):

        @settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(scenes.scenes(SHIPPED, TODAY, most=1), lines)
        def meet(drawn: list[Scene], said: list[ImportedAnswer]) -> None:
            view = drawn[0].account
            if view is not None and view.regime in {*SHIPPED.regimes, None}:
                runner.run(_meet(opened, view, drawn[0].signals, said))

        meet()


async def _meet(opened: Opened, view: SubjectView, signals: Signals, said: list[ImportedAnswer]) -> None:
    house, number = opened.house, f"C-{uuid4()}"
    view = msgspec.structs.replace(view, subject=SubjectId(uuid4()), keys=(), seen=1)
    index = house.indexes.of(IndexKind.CUSTOMER_NUMBER, number)
    async with opened.as_admin() as admin:
        await scenes.write(admin, scenes.rows_of([view]))
        await scenes.write(admin, {"blind_index": [("customer_number", index, view.subject)]})
    who = Caller(customer_number=number)
    before = await house.desk.standing(who)
    assert before.account is not None
    for line in said:
        await AnswerImport(house.desk, house.indexes).put(
            [msgspec.structs.replace(line, customer_number=number)], WHERE
        )
    after = await house.desk.standing(who)
    assert after.account is not None
    if signals.regime in SHIPPED.regimes:
        was = {(row.purpose, row.channel, row.recipient) for row in permissions(before, signals) if row.allowed}
        now = {(row.purpose, row.channel, row.recipient) for row in permissions(after, signals) if row.allowed}
        asked = {rule.purpose for rule in _yes(said)}
        assert {purpose for purpose, _, _ in now - was} <= asked, "nothing that was not said"
    for rule, row in after.account.statuses.items():
        stood = before.account.statuses.get(rule)
        if row.status in YES and (stood is None or row != stood):
            assert stood is None, "a yes comes only where nothing was said here"
            assert _may_be(rule, row.until, said), "and only one that was said, for as long as it was said"
    for rule, row in before.account.statuses.items():
        if row.status not in YES:
            assert after.account.statuses[rule].status not in YES, "what was closed stays closed"


def _yes(said: Sequence[ImportedAnswer]) -> set[Rule]:
    return {answer.rule for line in said for answer in line.answers if answer.answer is Answer.GIVEN}


def _may_be(rule: Rule, until: date | None, said: Sequence[ImportedAnswer]) -> bool:
    ends = [
        max(line.until or date.max, min(line.at.date(), TODAY))
        for line in said
        for answer in line.answers
        if answer.rule == rule and answer.answer is Answer.GIVEN and line.notice == NOTICE
    ]
    return any(until is None or until <= end for end in ends)
