"""What narrows never turns a no into a yes; `strict` never allows what another regime refuses."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ecrm_privacy.policy.compile import EVERY_CASE
from ecrm_privacy.policy.decide import Facts, decide
from ecrm_privacy.policy.documents import STRICT, Bundle
from ecrm_privacy.vocabulary import YES
from tests.unit.policy.policies import bundles

NARROWER = {"restricted": True, "under_age": True, "gpc": True, "notice_current": False}


@settings(max_examples=15, deadline=None)
@given(bundles(), st.sampled_from(sorted(NARROWER)))
def test_what_narrows_never_allows(policy: Bundle, flag: str) -> None:
    """For every rule, regime and case: with restriction, childhood, signal or a stale notice never more."""
    for rule in policy.rules():
        for regime in policy.regimes:
            for facts in EVERY_CASE:
                narrow = facts._replace(**{flag: NARROWER[flag]})
                wide = decide(policy, *rule, regime=regime, **facts._asdict())
                assert wide.allowed or not decide(policy, *rule, regime=regime, **narrow._asdict()).allowed


@settings(max_examples=15, deadline=None)
@given(bundles())
def test_strict_is_the_strictest(policy: Bundle) -> None:
    """What any regime refuses, `strict` refuses."""
    for rule in policy.rules():
        for facts in EVERY_CASE:
            strict = decide(policy, *rule, regime=STRICT, **facts._asdict())
            for regime in policy.regimes:
                assert not strict.allowed or decide(policy, *rule, regime=regime, **facts._asdict()).allowed


@settings(max_examples=40, deadline=None)
@given(bundles(), st.data())
def test_consent_is_a_current_yes(policy: Bundle, data: st.DataObject) -> None:
    """`because` is `consent` only for a yes to a notice that counts, free of every reason against it."""
    rule = data.draw(st.sampled_from(list(policy.rules())))
    facts: Facts = data.draw(st.sampled_from(EVERY_CASE))
    decision = decide(policy, *rule, regime=data.draw(st.sampled_from(policy.regimes)), **facts._asdict())
    if decision.because == "consent":
        assert decision.allowed and facts.status in YES and facts.notice_current
        assert not facts.restricted and not facts.under_age
    assert (decision.because == "required") <= (decision.allowed and policy.purposes[rule.purpose].required)
