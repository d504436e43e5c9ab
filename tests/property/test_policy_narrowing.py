"""What narrows never turns a no into a yes; `strict` never allows what another regime refuses."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ecrm_privacy.policy.compile import EVERY_CASE
from ecrm_privacy.policy.decide import Facts, decide
from ecrm_privacy.policy.documents import STRICT, Bundle
from ecrm_privacy.vocabulary import YES
from tests.unit.policy.policies import Tree, bundle, bundles, trees

NARROWER = {"restricted": True, "under_age": True, "gpc": True, "notice_current": False}


@settings(max_examples=15, deadline=None)
@given(bundles(), st.sampled_from(sorted(NARROWER)))
def test_what_narrows_never_allows(policy: Bundle, flag: str) -> None:
    """For every rule, regime and case: with restriction, childhood, signal or a stale notice never more."""
    for rule in policy.rules:
        for regime in policy.regimes:
            for facts in EVERY_CASE:
                narrow = facts._replace(**{flag: NARROWER[flag]})
                wide = decide(policy, *rule, regime=regime, **facts._asdict())
                assert wide.allowed or not decide(policy, *rule, regime=regime, **narrow._asdict()).allowed


@settings(max_examples=15, deadline=None)
@given(bundles())
def test_strict_is_the_strictest(policy: Bundle) -> None:
    """What any regime refuses, `strict` refuses."""
    for rule in policy.rules:
        for facts in EVERY_CASE:
            strict = decide(policy, *rule, regime=STRICT, **facts._asdict())
            for regime in policy.regimes:
                assert not strict.allowed or decide(policy, *rule, regime=regime, **facts._asdict()).allowed


def without_silence(policy: Tree) -> None:
    """Nothing is permitted by silence any more."""
    for purpose in policy["purposes"].values():
        purpose["opt_out"] = []


def with_the_signal(policy: Tree) -> None:
    """The signal closes every purpose under every regime."""
    regimes = sorted({law["regime"] for law in policy["jurisdictions"].values()} - {STRICT})
    for purpose in policy["purposes"].values():
        purpose["opt_out_signal"] = regimes


def one_by_one(policy: Tree) -> None:
    """Every channel and every recipient needs a yes of its own."""
    for purpose in policy["purposes"].values():
        purpose["own_yes"] = [*purpose.get("channels", []), *purpose.get("recipients", [])]


NARROWINGS = {change.__name__: change for change in (without_silence, with_the_signal, one_by_one)}


@settings(max_examples=12, deadline=None)
@given(trees(), st.sampled_from(sorted(NARROWINGS)))
def test_a_stricter_policy_opens_nothing(policy: Tree, change: str) -> None:
    """A policy that permits less by silence, hears the signal more, or asks for more yes's allows nothing more."""
    wide = bundle(policy)
    NARROWINGS[change](policy)
    narrow = bundle(policy)
    for rule in wide.rules:
        for regime in wide.regimes:
            for facts in EVERY_CASE:
                if decide(narrow, *rule, regime=regime, **facts._asdict()).allowed:
                    assert decide(wide, *rule, regime=regime, **facts._asdict()).allowed


@settings(max_examples=12, deadline=None)
@given(trees(), st.data())
def test_a_law_more_opens_nothing(policy: Tree, data: st.DataObject) -> None:
    """Whoever lives under an unknown law gets at most what they got before a further law became known."""
    known = sorted({law["regime"] for law in policy["jurisdictions"].values()} - {STRICT})
    one_more = data.draw(st.sampled_from(known)) if known else None
    before = {**policy, "jurisdictions": {n: w for n, w in policy["jurisdictions"].items() if w["regime"] != one_more}}
    before["purposes"] = {name: {**purpose} for name, purpose in policy["purposes"].items()}
    for purpose in before["purposes"].values():
        for key in ("opt_out", "opt_out_signal"):
            purpose[key] = [regime for regime in purpose[key] if regime != one_more]
    before["sites"] = {name: {**site, "jurisdiction": "default"} for name, site in policy["sites"].items()}
    fewer, more = bundle(before), bundle(policy)
    alone = len(fewer.regimes) == 1  # with no other law to be stricter than, `strict` is a law of its own
    for rule in more.rules:
        for facts in EVERY_CASE:
            if not alone and decide(more, *rule, regime=STRICT, **facts._asdict()).allowed:
                assert decide(fewer, *rule, regime=STRICT, **facts._asdict()).allowed


@settings(max_examples=40, deadline=None)
@given(bundles(), st.data())
def test_consent_is_a_current_yes(policy: Bundle, data: st.DataObject) -> None:
    """`because` is `consent` only for a yes to a notice that counts, free of every reason against it."""
    rule = data.draw(st.sampled_from(policy.rules))
    facts: Facts = data.draw(st.sampled_from(EVERY_CASE))
    decision = decide(policy, *rule, regime=data.draw(st.sampled_from(policy.regimes)), **facts._asdict())
    if decision.because == "consent":
        assert decision.allowed and facts.status in YES and facts.notice_current
        assert not facts.restricted and not facts.under_age
    assert (decision.because == "required") <= (decision.allowed and policy.purposes[rule.purpose].required)
