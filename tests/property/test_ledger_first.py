"""Promise 4, ledger first: the rows of current answers are the fold of the bodies, whatever was appended."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ecrm_privacy.database.pools import connect
from ecrm_privacy.ledger.change import Standing, fold
from ecrm_privacy.ledger.record import ANY_SEEN, Change, Entry, StateChange, parse
from ecrm_privacy.ledger.store import open_log
from ecrm_privacy.ledger.verify import Report, verify
from ecrm_privacy.ledger.writer import Writer
from ecrm_privacy.sql import Query
from ecrm_privacy.vocabulary import SubjectId
from tests.conftest import Database
from tests.integration.ledger.making import ORIGIN, a_subject, an_entry, opener
from tests.property.test_ledger_record import ANSWERS

RULES = st.sampled_from([("offers", "", ""), ("offers", "email", ""), ("share", "", "tea-guild"), ("remember", "", "")])
CHANGES = st.builds(
    lambda rule, **said: Change(purpose=rule[0], channel=rule[1], recipient=rule[2], **said),
    RULES,
    status=ANSWERS,
    notice=st.sampled_from(["shop@2", "shop@3"]),
    since=st.dates(),
    until=st.none() | st.dates(),
)
STATES = st.builds(
    StateChange,
    regime=st.none() | st.sampled_from(["gdpr", "ccpa"]),
    restricted=st.none() | st.booleans(),
    adult_from=st.none() | st.dates(),
    gpc=st.none() | st.booleans(),
)
ACTS = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["answer", "answer", "answer", "erase", "refuse"]),
    st.lists(CHANGES, max_size=5),
    st.none() | STATES,
)
FORGET = ("ecrm.body", "ecrm.consent_status", "ecrm.subject_state")


def entry_of(subjects: list[SubjectId], who: int, act: str, changes: list[Change], state: StateChange | None) -> Entry:
    if act == "refuse":
        return an_entry(None, changes)
    if act == "erase":
        gone: tuple[Query[Any], ...] = tuple(
            Query(f"delete from {table} where subject = $1", (subjects[who],)) for table in FORGET
        )
        return an_entry(subjects[who], erases=True, seen=ANY_SEEN, effects=gone)
    return an_entry(subjects[who], changes, state, seen=ANY_SEEN)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ACTS, min_size=1, max_size=20), st.integers(1, 7))
def test_replaying_gives_the_rows(database: Database, acts: list[tuple[Any, ...]], at_once: int) -> None:
    """Answers, refusals without anybody and erasures, in any order and any batches: the ledger is sound."""

    async def write_and_check() -> Report:
        house = await connect(database.address, "ecrm_house", database.passwords["ecrm_house"])
        await open_log(house, ORIGIN)
        writer = Writer(lambda: connect(database.address, "ecrm_house", database.passwords["ecrm_house"]))
        await writer.start()
        subjects = [a_subject() for _ in range(4)]
        entries = [entry_of(subjects, *act) for act in acts]
        results = [await writer.append(entries[at : at + at_once]) for at in range(0, len(entries), at_once)]
        assert all(isinstance(result, int) for results_of_one in results for result in results_of_one)
        await writer.stop()
        report = await verify(house, opener)
        await house.close()
        return report

    report = asyncio.run(write_and_check())
    assert report.problem is None
    assert report.leaves == report.tree_size


@given(st.lists(st.tuples(st.lists(CHANGES, max_size=5), st.none() | STATES), max_size=8), st.integers(0, 8))
def test_folding_stops_and_goes_on_anywhere(entries: list[tuple[list[Change], StateChange | None]], pause: int) -> None:
    """Folding all entries, or folding some and later the rest, gives the same; also from their payloads."""

    def folded(start: Standing, numbers: range) -> Standing:
        for number in numbers:
            changes, state = entries[number]
            start = fold(start, number, tuple(changes), state)
        return start

    cut = min(pause, len(entries))
    whole = folded(Standing(), range(len(entries)))
    assert folded(folded(Standing(), range(cut)), range(cut, len(entries))) == whole
    assert all(parse(an_entry_text(changes, state)).changes == tuple(changes) for changes, state in entries)


def an_entry_text(changes: list[Change], state: StateChange | None) -> bytes:
    body = an_entry(a_subject(), changes, state).body
    assert body is not None
    return body.sealed[32:]
