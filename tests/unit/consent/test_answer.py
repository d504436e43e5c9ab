"""What an answer changes, rule by rule."""

from datetime import timedelta

import pytest

from ecrm_privacy.consent.answer import (
    NO_NOTICE,
    Said,
    SaidAnswer,
    answer_due,
    apply,
    as_recorded,
    changes,
    check,
    gpc_after,
)
from ecrm_privacy.consent.standing import Standing, SubjectView
from ecrm_privacy.errors import EmptyAnswer, Malformed, RequiredPurpose, UnknownNotice, UnknownPurpose
from ecrm_privacy.gate.types import Signals
from ecrm_privacy.vocabulary import Answer, ConsentStatus, ExpressionMethod, Purpose, Regime
from tests.unit.consent.people import HERE, LONG_AGO, NEVER, POLICY, SHOP1, SHOP2, TODAY, a_row, a_subject, rule
from tests.unit.consent.people import saying as say
from tests.unit.consent.people import standing as stand
from tests.unit.policy.policies import bundle, tree


def made(view: SubjectView | None, said: dict[str, str], notice: str = SHOP2) -> dict[str, str]:
    """What `said` changes, as rule → status."""
    found = changes(stand(view), view, say(said, notice))
    named = {
        "//".join((each.purpose, each.recipient)) if each.recipient else "/".join(filter(None, each.rule)): each.status
        for each in found
    }
    assert len(named) == len(found)
    return {name: str(status) for name, status in named.items()}


def test_who_takes_the_signal_back() -> None:
    """A yes to what it closes, in a browser that does not send it: no server does, and no other yes."""
    who = stand(a_subject(gpc=True))

    def after(purpose: str, *, by_browser: bool, gpc: bool = False) -> bool | None:
        found = changes(who, who.account, say({purpose: "given"}))
        return gpc_after(who, Signals(Regime("gdpr"), gpc), found, by_browser=by_browser)

    assert after("advertise", by_browser=True) is False
    assert after("advertise", by_browser=False) is None and after("remember", by_browser=True) is None
    assert after("advertise", by_browser=True, gpc=True) is True


# what is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        (say({}), EmptyAnswer),
        (say({"astrology": "refused"}), UnknownPurpose),
        (say({"offers/telegraph": "refused"}), UnknownPurpose),
        (say({"share//press": "given"}), UnknownPurpose),
        (say({"remember/email": "given"}), UnknownPurpose),
        (say({"order": "refused"}), RequiredPurpose),
        (say({"order": "withdrawn"}), RequiredPurpose),
        (say({"order": "objected"}), RequiredPurpose),
        (say({"remember": "given"}, NEVER), UnknownNotice),
        (say({"remember": "given", "offers": "refused"}, NEVER), UnknownNotice),
        (say({"remember": "given"}, "ada@example.com"), UnknownNotice),
    ],
)
def test_what_the_policy_has_no_place_for_is_refused(said: Said, refusal: type[Exception]) -> None:
    """Each refusal has a name of its own."""
    with pytest.raises(refusal):
        check(POLICY, said)


def test_a_rule_names_a_channel_or_a_recipient() -> None:
    """Nothing is decided about both at once, so nobody can answer to it."""
    both = SaidAnswer(Purpose("offers"), Answer.GIVEN, "email", "tea-guild")
    with pytest.raises(UnknownPurpose):
        check(POLICY, Said(SHOP2, (both,), ExpressionMethod.SAVE))


@pytest.mark.parametrize("notice", [SHOP1, SHOP2, NEVER, "", "ada@example.com", "\x00", "x" * 30_000])
def test_a_no_is_taken_with_any_notice(notice: str) -> None:
    """Stale, unknown or no notice at all: what counts is that somebody said no."""
    for answer in ("refused", "withdrawn", "objected"):
        said = say({"remember": answer, "offers": answer}, notice)
        check(POLICY, said)
        assert {change.purpose for change in changes(stand(), None, as_recorded(said))} == {"remember", "offers"}


def test_only_names_of_notices_are_written_down() -> None:
    """What stands in place of a notice could be anything, also somebody's address."""
    assert as_recorded(say({}, NEVER)).notice == NEVER
    for text in ("", "ada@example.com", "shop@0", "shop@1 ", "Shop@1", "shop@10000", "\x00", "x" * 30_000):
        assert as_recorded(say({}, text)).notice == NO_NOTICE
    assert not POLICY.still_good(Purpose("remember"), NO_NOTICE)


# what it changes ------------------------------------------------------------------------------------------------------


def test_a_stale_notice_takes_the_no_and_not_the_yes() -> None:
    """A yes counts to a notice that is still good for its purpose; the others of the same request are taken."""
    said = {"personalize": "given", "remember": "given", "offers": "refused"}
    assert made(None, said, SHOP1) == {"remember": "given", "offers": "refused"}
    assert made(None, said, SHOP2) == {"personalize": "given", "remember": "given", "offers": "refused"}


@pytest.mark.parametrize(
    ("before", "answer", "after"),
    [
        (None, "given", "given"),
        ("refused", "given", "given"),
        ("withdrawn", "given", "given"),
        ("given", "given", "renewed"),
        ("renewed", "given", "renewed"),
        (None, "refused", "refused"),
        ("given", "refused", "refused"),
        ("given", "withdrawn", "withdrawn"),
        ("renewed", "withdrawn", "withdrawn"),
        ("withdrawn", "withdrawn", "withdrawn"),
        (None, "withdrawn", "refused"),
        ("refused", "withdrawn", "refused"),
        ("requested", "withdrawn", "refused"),
        ("given", "objected", "objected"),
        (None, "objected", "objected"),
    ],
)
def test_statuses_of_a_consent(before: str | None, answer: str, after: str) -> None:
    """Given again is renewed; withdrawn of what was never given is refused."""
    view = a_subject({"remember": before} if before else {})
    assert made(view, {"remember": answer}) == {"remember": after}


def test_a_yes_that_ran_out_is_given_anew_and_can_be_withdrawn() -> None:
    """It no longer counts, but it was given."""
    view = SubjectView(a_subject().subject, {rule("remember"): a_row("given", until=TODAY)}, regime=Regime("gdpr"))
    assert made(view, {"remember": "given"}) == {"remember": "given"}
    assert made(view, {"remember": "withdrawn"}) == {"remember": "withdrawn"}


def test_on_another_basis_every_no_is_an_objection() -> None:
    """Nobody consented, so nobody can refuse or withdraw; a yes lifts the objection."""
    for answer in ("refused", "withdrawn", "objected"):
        assert made(None, {"measure": answer}) == {"measure": "objected"}
    assert made(a_subject({"measure": "objected"}), {"measure": "given"}) == {"measure": "given"}


def test_a_channel_that_needs_it_is_requested_first() -> None:
    """A yes to e-mail counts once it was confirmed over e-mail; one that was confirmed is renewed."""
    assert made(None, {"offers": "given", "offers/email": "given", "offers/post": "given"}) == {
        "offers": "given",
        "offers/email": "requested",
        "offers/post": "given",
    }
    assert made(a_subject({"offers/email": "given"}), {"offers/email": "given"}) == {"offers/email": "renewed"}


def test_another_address_is_asked_even_where_one_was_confirmed() -> None:
    """What was confirmed was the address that was given then."""
    answer = SaidAnswer(Purpose("offers"), Answer.GIVEN, "email", address="new@example.com")
    view = a_subject({"offers": "given", "offers/email": "given"})
    (change,) = changes(stand(view), view, Said(SHOP2, (answer,), ExpressionMethod.SAVE))
    assert change.status is ConsentStatus.REQUESTED


@pytest.mark.parametrize("answer", ["refused", "withdrawn", "objected"])
def test_an_address_stands_with_a_yes_to_a_channel(answer: str) -> None:
    """Nobody leaves one with a no, nor with a purpose."""
    for said in (
        SaidAnswer(Purpose("offers"), Answer(answer), "email", address="a@b.example"),
        SaidAnswer(Purpose("offers"), Answer.GIVEN, address="a@b.example"),
    ):
        with pytest.raises(Malformed):
            check(POLICY, Said(SHOP2, (said,), ExpressionMethod.SAVE))


@pytest.mark.parametrize(
    ("law", "status"), [("gdpr", "requested"), ("strict", "requested"), (None, "requested"), ("ccpa", "given")]
)
def test_a_confirmation_is_asked_where_the_law_wants_it(law: str | None, status: str) -> None:
    """The policy may name the regimes; under one that is not known, and under the strictest, it is asked."""
    changed = tree()
    changed["channels"]["email"]["confirm_under"] = ["gdpr"]
    said = say({"offers": "given", "offers/email": "given"}, SHOP1)
    standing = Standing(bundle(changed), TODAY)
    found = changes(standing, None, said, Regime(law) if law else None)
    assert [each.status for each in found if each.channel] == [status]


def test_a_way_that_nothing_is_sent_by_has_its_permission_too() -> None:
    """Phone, chat and what happens in a world are channels of the policy like any other."""
    changed = tree()
    for name in ("phone", "chat", "in_world"):
        changed["channels"][name] = {
            "texts": {locale: {"name": name} for locale in next(iter(POLICY.sites.values())).locales}
        }
        changed["purposes"]["offers"]["channels"].append(name)
        changed["purposes"]["offers"]["own_yes"].append(name)
    standing = Standing(bundle(changed), TODAY)
    said = say(
        {"offers": "given", "offers/phone": "given", "offers/chat": "refused", "offers/in_world": "given"}, SHOP1
    )
    check(standing.bundle, said)
    statuses = {each.channel: str(each.status) for each in changes(standing, None, said)}
    assert statuses == {"": "given", "phone": "given", "chat": "refused", "in_world": "given"}


def test_closing_a_purpose_closes_what_lies_under_it() -> None:
    """So that a later yes to the purpose revives no channel and no recipient."""
    view = a_subject({"offers": "given", "offers/post": "given", "offers/sms": "requested", "offers/email": "refused"})
    assert made(view, {"offers": "withdrawn"}) == {
        "offers": "withdrawn",
        "offers/post": "withdrawn",
        "offers/sms": "withdrawn",
    }
    after = apply(view, changes(stand(view), view, say({"offers": "withdrawn"})))
    assert made(after, {"offers": "given"}) == {"offers": "given"}
    assert after.statuses[rule("offers/post")].status is ConsentStatus.WITHDRAWN


def test_in_one_request_the_last_word_counts() -> None:
    """A purpose that is closed after its channel was opened closes the channel; one opened after it stands."""
    assert made(None, {"offers/post": "given", "offers": "refused"}) == {"offers": "refused", "offers/post": "refused"}
    assert made(None, {"offers": "refused", "offers/post": "given"}) == {"offers": "refused", "offers/post": "given"}
    twice = Said(
        SHOP2,
        (*say({"remember": "given"}).answers, *say({"remember": "refused"}).answers),
        ExpressionMethod.SAVE,
    )
    assert [change.status for change in changes(stand(), None, twice)] == ["refused"]


def test_a_yes_to_a_purpose_opens_nothing_under_it() -> None:
    """Neither a recipient nor a channel that needs its own yes."""
    assert made(a_subject({"share//tea-guild": "refused"}), {"share": "given"}) == {"share": "given"}


def test_a_yes_ends_as_its_purpose_says() -> None:
    """`until` is the first day on which it no longer counts; a no has none, nor has a purpose without an end."""
    said = say({"remember": "given", "offers": "given", "measure": "given", "advertise": "refused"})
    until = {change.purpose: change.until for change in changes(stand(), None, said)}
    assert until == {
        "remember": TODAY + timedelta(days=365),
        "offers": TODAY + timedelta(days=730),
        "measure": None,
        "advertise": None,
    }


# whether to ask -------------------------------------------------------------------------------------------------------

NO_TO_ALL = dict.fromkeys(("remember", "personalize", "offers", "model.contribute", "advertise", "share"), "refused")


def due(view: SubjectView | None, signals: Signals = HERE) -> bool:
    return answer_due(stand(view), signals)


def test_who_never_answered_is_asked() -> None:
    """Nobody, and somebody who left out one purpose."""
    assert due(None)
    assert due(a_subject({name: "given" for name in NO_TO_ALL if name != "offers"}))
    assert not due(a_subject(dict.fromkeys(NO_TO_ALL, "given")))


def test_a_no_is_remembered_without_a_name() -> None:
    """A browser that closed everything is not asked again while its notice is good; afterwards it is."""
    closed = frozenset(Purpose(name) for name in NO_TO_ALL)
    assert not due(None, Signals(Regime("gdpr"), closed=closed, answered=SHOP2))
    assert due(None, Signals(Regime("gdpr"), closed=closed, answered=SHOP1))
    assert due(None, Signals(Regime("gdpr"), closed=closed, answered=NO_NOTICE))
    assert due(None, Signals(Regime("gdpr"), closed=closed))
    assert due(None, Signals(Regime("gdpr"), closed_all=True, answered=SHOP2))


@pytest.mark.parametrize(("notice", "asked"), [(SHOP2, False), (SHOP1, True), (NEVER, True)])
def test_who_answered_is_asked_again_when_the_notice_changed(notice: str, asked: bool) -> None:
    """Whether it was a yes or a no that they said to it."""
    for word in ("given", "refused"):
        rows = {rule(name): a_row(word, notice, since=TODAY) for name in NO_TO_ALL}  # type: ignore[arg-type]
        assert due(SubjectView(a_subject().subject, rows, regime=Regime("gdpr"))) is asked


def test_who_said_no_is_left_alone_as_long_as_the_law_says() -> None:
    """180 days under the GDPR, a year in California."""
    rows = {rule(name): a_row("refused", since=LONG_AGO) for name in NO_TO_ALL}
    view = SubjectView(a_subject().subject, rows, regime=Regime("gdpr"))
    assert due(view)
    assert not due(view, Signals(Regime("ccpa")))


def test_a_yes_that_ran_out_is_asked_for_again() -> None:
    """Its time is over, so nobody knows."""
    rows = {rule(name): a_row("given", until=TODAY) for name in NO_TO_ALL}
    assert due(SubjectView(a_subject().subject, rows, regime=Regime("gdpr")))
