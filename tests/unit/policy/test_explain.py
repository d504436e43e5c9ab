"""The truth table for people is the truth table: every case stands in it, once, with what `decide` answers."""

from itertools import product

from ecrm_privacy.policy.compile import EVERY_CASE
from ecrm_privacy.policy.decide import Facts, decide
from ecrm_privacy.policy.documents import Rule
from ecrm_privacy.policy.explain import VALUES, page, sentence, tables
from ecrm_privacy.vocabulary import Channel, ConsentStatus, Purpose, Recipient, Regime
from tests.unit.policy.policies import FOLDER, SHIPPED

TABLES = tables(SHIPPED)


def test_every_case_stands_there_once() -> None:
    """For each rule, regime and case exactly one line fits, and it says what was decided."""
    seen = set()
    for table in TABLES:
        answers = {
            facts: [
                line.decision
                for line in table.lines
                if all(getattr(facts, fact) in line.when[fact] for fact in line.when)
            ]
            for facts in EVERY_CASE
        }
        for rule, regimes in table.rules.items():
            for regime, facts in product(regimes, EVERY_CASE):
                assert answers[facts] == [decide(SHIPPED, *rule, regime=regime, **facts._asdict())]
                seen.add((rule, regime, facts))
    assert len(seen) == len(SHIPPED.rules) * len(SHIPPED.regimes) * len(EVERY_CASE)


def test_it_is_short_enough_to_read() -> None:
    """What decides alike is together: a handful of tables, none longer than a screen."""
    assert len(TABLES) < 10
    assert max(len(table.lines) for table in TABLES) < 20
    assert all(set(line.when) <= set(VALUES) for table in TABLES for line in table.lines)


def test_the_reference_is_the_table() -> None:
    """docs/reference/decisions.md is what `ecrm policy explain` prints; run it again when this fails."""
    shown = (FOLDER.parent / "docs" / "reference" / "decisions.md").read_text("utf-8")
    assert shown == "\n".join(page(SHIPPED)) + "\n"


def asked(path: str, regime: str, status: str, *but: str) -> str:
    """The sentence about `purpose[/channel|//recipient]`; `but` names the flags that are not as usual."""
    purpose, _, rest = path.partition("/")
    channel, recipient = ("", rest[1:]) if rest.startswith("/") else (rest, "")
    facts = Facts(ConsentStatus(status), "stale" not in but, "restricted" in but, "under_age" in but, "gpc" in but)
    return sentence(SHIPPED, Rule(Purpose(purpose), Channel(channel), Recipient(recipient)), Regime(regime), facts)


def test_one_answer_is_one_sentence() -> None:
    """Which rule, under which law, what is so, what follows, and why."""
    assert asked("personalize", "ccpa", "unknown") == (
        "'personalize' under 'ccpa', where nothing was said: allowed (opt_out), because silence permits it under this"
        " law."
    )
    assert asked("offers/sms", "gdpr", "requested") == (
        "'offers' by 'sms' under 'gdpr', where a yes was given and not confirmed yet: not allowed (requested), because"
        " that is no yes, and this needs one."
    )
    assert asked("share//tea-guild", "opt-out", "given", "gpc") == (
        "'share' to 'tea-guild' under 'opt-out', where a yes was given, the browser sends Global Privacy Control: not"
        " allowed (gpc), because Global Privacy Control is a no to this under this law."
    )
    assert asked("measure", "strict", "refused") == (
        "'measure' under 'strict', where it was refused: not allowed (refused), because that is a no, and it counts."
    )
    assert asked("remember", "gdpr", "given", "stale", "under_age", "restricted") == (
        "'remember' under 'gdpr', where a yes was given, to a notice that has changed since, processing is restricted,"
        " the person is below the age of consent: not allowed (restricted), because processing is restricted (GDPR 18)."
    )


def test_every_answer_has_words() -> None:
    """No case of the shipped policy is left without a sentence."""
    for rule, regime, facts in product(SHIPPED.rules, SHIPPED.regimes, EVERY_CASE):
        assert sentence(SHIPPED, rule, regime, facts).endswith(".")
