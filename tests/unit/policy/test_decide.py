"""The rule, case by case, as it is written in the reference."""

import pytest

from ecrm_privacy.policy.decide import Decision, decide
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.vocabulary import Channel, ConsentStatus, Purpose, Recipient, Regime
from tests.unit.policy.policies import SHIPPED, bundle, tree


def said(
    rule: str,
    status: str = "unknown",
    *but: str,
    regime: str = "gdpr",
    policy: Bundle = SHIPPED,
) -> Decision:
    """Decide `purpose[/channel|//recipient]`; `but` names the flags that are not as usual."""
    purpose, _, rest = rule.partition("/")
    channel, recipient = ("", rest[1:]) if rest.startswith("/") else (rest, "")
    return decide(
        policy,
        Purpose(purpose),
        Channel(channel),
        Recipient(recipient),
        regime=Regime(regime),
        status=ConsentStatus(status),
        notice_current="stale" not in but,
        restricted="restricted" in but,
        under_age="under_age" in but,
        gpc="gpc" in but,
    )


def yes(because: str) -> Decision:
    return Decision(True, because)


def no(because: str) -> Decision:
    return Decision(False, because)


@pytest.mark.parametrize("status", ["given", "renewed"])
def test_a_yes_opens_a_consent_purpose(status: str) -> None:
    """Given and renewed are the two statuses that allow."""
    assert said("personalize", status) == yes("consent")


@pytest.mark.parametrize("status", [status.value for status in ConsentStatus if status not in {"given", "renewed"}])
def test_everything_else_is_a_no_that_says_why(status: str) -> None:
    """Any other status closes a consent purpose, and is the reason."""
    assert said("personalize", status) == no(status)


@pytest.mark.parametrize(
    ("flag", "because"),
    [("stale", "stale_notice"), ("restricted", "restricted"), ("under_age", "under_age")],
)
def test_a_yes_can_be_overruled(flag: str, because: str) -> None:
    """A stale notice, a restriction and childhood close a purpose in spite of a yes."""
    assert said("personalize", "given", flag) == no(because)


def test_the_signal_closes_only_what_it_is_about() -> None:
    """Global Privacy Control closes marked purposes whatever was said, and lets a first-party yes stand."""
    assert said("advertise", "given", "gpc", regime="ccpa") == no("gpc")
    assert said("share//tea-guild", "given", "gpc", regime="ccpa") == no("gpc")
    assert said("personalize", "given", "gpc", regime="ccpa") == yes("consent")


def test_the_signal_counts_only_where_the_policy_says() -> None:
    """Under a regime that the purpose does not name, the signal closes nothing."""
    changed = tree()
    changed["purposes"]["advertise"]["opt_out_signal"] = ["ccpa"]
    assert said("advertise", "given", "gpc", policy=bundle(changed)) == yes("consent")
    assert said("advertise", "given", "gpc", policy=bundle(changed), regime="strict") == no("gpc")


@pytest.mark.parametrize("status", [status.value for status in ConsentStatus])
def test_what_is_required_is_always_allowed(status: str) -> None:
    """The service itself goes on, whatever is said, restricted or signalled."""
    assert said("order", status, "restricted", "under_age", "gpc", "stale", regime="strict") == yes("required")


@pytest.mark.parametrize("status", ["unknown", "requested", "deferred", "given", "renewed", "expired"])
def test_a_legitimate_interest_stands_until_somebody_objects(status: str) -> None:
    """Silence, and a yes of any age, leave it open."""
    assert said("measure", status, "stale") == yes("legitimate_interest")


@pytest.mark.parametrize("status", ["objected", "refused", "withdrawn", "revoked", "invalidated"])
def test_a_no_closes_a_legitimate_interest(status: str) -> None:
    """Whatever the no is called, it counts (GDPR 21)."""
    assert said("measure", status) == no(status)
    assert said("measure", "unknown", "restricted") == no("restricted")


def test_silence_permits_only_where_the_policy_says() -> None:
    """Under an opt-out regime an unasked person is in, and any no, lapse or pending question takes them out."""
    assert said("personalize", regime="ccpa") == yes("opt_out")
    assert said("personalize") == no("unknown")
    assert said("personalize", regime="strict") == no("unknown")
    assert said("advertise", regime="ccpa") == no("unknown")
    for status in ("refused", "withdrawn", "requested", "deferred", "expired", "objected"):
        assert said("personalize", status, regime="ccpa") == no(status)
    assert said("personalize", "unknown", "under_age", regime="ccpa") == no("under_age")
    assert said("personalize", "given", "stale", regime="ccpa") == no("stale_notice")


def test_a_channel_or_recipient_with_its_own_yes_is_asked_itself() -> None:
    """Its own status decides, as for a consent purpose."""
    assert said("offers/email") == no("unknown")
    assert said("offers/email", "requested") == no("requested")
    assert said("offers/email", "given") == yes("consent")
    assert said("share//paper-mill", "given", "stale") == no("stale_notice")


def test_its_own_yes_is_explicit_everywhere() -> None:
    """Neither an opt-out regime nor another basis of the purpose gives a yes that was asked for by name."""
    changed = tree()
    changed["purposes"]["offers"]["opt_out"] = ["ccpa"]
    changed["purposes"]["order"] |= {"channels": ["sms"], "own_yes": ["sms"]}
    policy = bundle(changed)
    assert said("offers", regime="ccpa", policy=policy) == yes("opt_out")
    assert said("offers/sms", regime="ccpa", policy=policy) == no("unknown")
    assert said("order/sms", policy=policy) == no("unknown")
    assert said("order/sms", "given", "restricted", policy=policy) == no("restricted")


def test_what_needs_no_yes_of_its_own_is_covered() -> None:
    """A recipient that the purpose's own answer covers is allowed; the purpose's rule decides."""
    assert said("advertise//ad-network", "refused", "restricted") == yes("covered")
    changed = tree()
    changed["purposes"]["order"]["channels"] = ["email"]
    assert said("order/email", policy=bundle(changed)) == yes("required")


def test_strict_is_what_all_allow() -> None:
    """Under `strict` a yes counts, and one regime's objection is enough."""
    assert said("personalize", "given", regime="strict") == yes("consent")
    assert said("advertise", "given", "gpc", regime="strict") == no("gpc")


def test_a_policy_may_know_only_the_strict_regime() -> None:
    """Without any law described, consent is asked for as anywhere."""
    changed = tree()
    changed["jurisdictions"] = {"default": changed["jurisdictions"]["default"]}
    changed["sites"]["demo"]["jurisdiction"] = "default"
    for purpose in changed["purposes"].values():
        purpose |= {"opt_out": [], "opt_out_signal": []}
    policy = bundle(changed)
    assert policy.regimes == ("strict",)
    assert said("personalize", regime="strict", policy=policy) == no("unknown")
    assert said("personalize", "given", regime="strict", policy=policy) == yes("consent")


@pytest.mark.parametrize("rule", ["nothing", "offers/fax", "share//ad-network"])
def test_what_the_policy_does_not_have_is_a_programmers_error(rule: str) -> None:
    """Names from outside are checked where they come in; here an unknown one is a KeyError."""
    with pytest.raises(KeyError):
        said(rule)


def test_an_unknown_regime_is_a_programmers_error() -> None:
    """There is no decision under a law that the policy does not know."""
    with pytest.raises(KeyError):
        said("order", regime="lgpd")
