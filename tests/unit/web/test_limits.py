"""Rates, and whose they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.errors import StartRefused
from ecrm_privacy.web.limits import Buckets, Rates, address_group, client_address, networks, retry_after
from ecrm_privacy.web.refusals import TooMany


class Clock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def scope(peer: str | None, *forwarded: str, **others: str) -> dict[str, object]:
    """A connection from `peer`, with X-Forwarded-For lines and other headers."""
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in others.items()]
    return {"client": None if peer is None else (peer, 5000), "headers": headers}


def test_a_minutes_worth_passes_at_once_and_then_one_at_a_time() -> None:
    """The bucket is a minute deep and fills evenly."""
    clock = Clock()
    buckets = Buckets(clock=clock)
    assert [buckets.take("a", 60) for _ in range(60)] == [0.0] * 60
    assert buckets.take("a", 60) == pytest.approx(1.0)
    clock.now += 1.0
    assert buckets.take("a", 60) == 0.0 and buckets.take("a", 60) > 0.0
    clock.now += 3600
    assert sum(buckets.take("a", 60) == 0.0 for _ in range(100)) == 60


def test_one_caller_does_not_pay_for_another() -> None:
    """Buckets are per caller."""
    buckets = Buckets(clock=Clock())
    assert buckets.take("a", 1) == 0.0 and buckets.take("a", 1) == pytest.approx(60.0) and buckets.take("b", 1) == 0.0


def test_nought_is_off() -> None:
    """The demo has no rates, and remembers nobody for them."""
    buckets = Buckets(clock=Clock())
    assert all(buckets.take("a", 0) == 0.0 for _ in range(1000)) and len(buckets) == 0


def test_memory_is_bounded_and_forgets_who_was_away_longest() -> None:
    """A flood of addresses costs a fixed amount of memory."""
    buckets = Buckets(most=3, clock=Clock())
    for caller in ("a", "b", "c", "a", "d"):
        buckets.take(caller, 1000)
    assert len(buckets) == 3
    for _ in range(1000):
        buckets.take("e", 1000)
    assert len(buckets) == 3


@given(st.integers(1, 1000), st.lists(st.floats(0, 30), max_size=200))
def test_no_minute_has_more_than_twice_the_rate(rate: int, waits: list[float]) -> None:
    """A full bucket and its refill are the most that a minute can see."""
    clock, buckets, passed = Clock(), Buckets(), []
    buckets = Buckets(clock=clock)
    for wait in waits:
        clock.now += wait
        passed += [clock.now] * sum(buckets.take("a", rate) == 0.0 for _ in range(10))
    for start in passed:
        assert sum(start <= at < start + 60 for at in passed) <= 2 * rate


def test_a_yes_is_counted_per_session_and_per_address() -> None:
    """Whichever is exceeded first refuses, and says when to come again."""
    rates = Rates(per_session=2, per_address=3, buckets=Buckets(clock=Clock()))
    rates.count_yes(b"s1", "192.0.2.1")
    rates.count_yes(b"s1", "192.0.2.1")
    with pytest.raises(TooMany) as refused:
        rates.count_yes(b"s1", "192.0.2.1")
    assert retry_after(refused.value.retry_after_s) == 30
    rates.count_yes(None, "192.0.2.1")
    with pytest.raises(TooMany):
        rates.count_yes(b"s2", "192.0.2.1")
    rates.count_yes(b"s2", "192.0.2.2")


def test_an_api_key_has_a_rate_of_its_own() -> None:
    """The rate is the key's, not the service's."""
    rates = Rates(0, 0, Buckets(clock=Clock()))
    rates.count_call(b"k", 1)
    with pytest.raises(TooMany):
        rates.count_call(b"k", 1)


def test_neighbours_in_an_ipv6_network_share_a_rate() -> None:
    """A /64 is one household; an IPv4 address inside IPv6 is that address."""
    assert address_group("2001:db8::1") == address_group("2001:db8::ffff:1") != address_group("2001:db8:0:1::1")
    assert address_group("192.0.2.1") == address_group("::ffff:192.0.2.1") != address_group("192.0.2.2")
    assert address_group("unknown") == "unknown"


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.7", [], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["6.6.6.6, nonsense, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.1:1234"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:1234"], "2001:db8::1"),
        ("10.0.0.1", ["2001:db8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        (None, ["198.51.100.1"], "unknown"),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_not_a_trusted_proxy(
    peer: str | None, forwarded: list[str], expected: str
) -> None:
    """What a client wrote into the header itself stands further left."""
    assert client_address(scope(peer, *forwarded), networks(["10.0.0.0/8"])) == expected


def test_without_trusted_proxies_no_header_is_believed() -> None:
    """Nor is any other header, ever."""
    others = {"forwarded": "for=198.51.100.1", "x_real_ip": "198.51.100.1", "true_client_ip": "198.51.100.1"}
    assert client_address(scope("10.0.0.1", "198.51.100.1", **others)) == "10.0.0.1"
    assert client_address(scope("10.0.0.1", **others), networks(["10.0.0.1"])) == "10.0.0.1"


@pytest.mark.parametrize("text", ["", "proxy.example", "10.0.0.0/99", "10.0.0.1/8"])
def test_what_is_no_network_stops_the_start(text: str) -> None:
    """A typing error must not widen or narrow trust silently."""
    with pytest.raises(StartRefused, match="trusted_proxies"):
        networks([text])
