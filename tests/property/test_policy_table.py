"""The truth table is the rule: compiled rows equal `decide` for every combination, and there are no others."""

from hypothesis import given, settings

from ecrm_privacy.policy.compile import EVERY_CASE, compile
from ecrm_privacy.policy.decide import Decision, decide
from ecrm_privacy.policy.documents import Bundle
from tests.unit.policy.policies import bundles


@settings(max_examples=15, deadline=None)
@given(bundles())
def test_every_row_is_what_was_decided(policy: Bundle) -> None:
    """One row for each rule, regime and case, with the decision about it."""
    compiled = compile(policy)
    table = {row[:9]: Decision(row.allowed, row.because) for row in compiled.decisions}
    expected = {
        (*rule, regime, *facts): decide(policy, *rule, regime=regime, **facts._asdict())
        for rule in policy.rules
        for regime in policy.regimes
        for facts in EVERY_CASE
    }
    assert table == expected
    assert len(compiled.decisions) == len(table)


@settings(max_examples=15, deadline=None)
@given(bundles())
def test_every_rule_a_need_names_is_decided(policy: Bundle) -> None:
    """No need waits for a rule that the table does not have: it would be closed for ever."""
    compiled = compile(policy)
    decided = {row[:3] for row in compiled.decisions}
    assert {row[2:] for row in compiled.needs} <= decided
    assert {row.need for row in compiled.needs} == {row.need for row in compiled.needs if not row.category}
