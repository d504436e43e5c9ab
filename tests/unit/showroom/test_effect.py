"""What is shown of how notices are received: never about fewer than k people, also not by taking numbers apart."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.consent.store import NoticeCount, Standings
from ecrm_privacy.showroom.charts import lines, page
from ecrm_privacy.showroom.effect import METHODS, Effect, effect, share

K = 20
WHATS = ("served", "seen", "opened", *(f"answer:{method}" for method in METHODS), "yes:measure", "no:measure",
         "time:5", "time:10", "change", "withdrawal")  # fmt: skip


def count(what: str, times: int, notice: str = "shop@1", locale: str = "en") -> NoticeCount:
    return NoticeCount(notice, "eu", locale, "script", what, times)


COUNTS = st.lists(
    st.builds(
        count,
        st.sampled_from(WHATS),
        st.integers(1, 300),
        st.sampled_from(["shop@1", "shop@2"]),
        st.sampled_from("abc"),
    ),
    unique_by=lambda each: (each.what, each.notice, each.locale),
)


def numbers(made: Effect) -> list[int]:
    """Every count that a report shows."""
    found: list[int] = []
    for line in made.lines:
        found += [*filter(None, (line.served, line.seen, line.opened, line.changes, line.withdrawals, line.answers))]
        found += [*filter(None, (*line.methods.values(), *line.times.values()))]
    return found


@given(COUNTS)
def test_every_number_and_every_difference_is_of_k_people(counts: list[NoticeCount]) -> None:
    """All that is shown are multiples of k: whatever one takes from another, nothing below k is left but nothing."""
    assert [number for number in numbers(effect(counts, [], K)) if number % K] == []


@given(COUNTS, st.sampled_from(WHATS))
def test_one_person_more_is_told_by_nothing_or_by_k(counts: list[NoticeCount], what: str) -> None:
    """Whoever compares two reports between which one person did something sees no count move by less than k."""
    more = [msgspec.structs.replace(each, times=each.times + (each.what == what)) for each in counts]
    before, after = numbers(effect(counts, [], K)), numbers(effect(more, [], K))
    if len(before) == len(after):
        assert all((now - then) % K == 0 for then, now in zip(before, after, strict=True))


@given(st.integers(0, 500), st.integers(0, 500), st.integers(0, 500))
def test_a_share_holds_the_true_one(accept: int, refuse: int, save: int) -> None:
    """The range of a share holds the true one, whatever rounding took away."""
    parts = {"accept": accept, "refuse": refuse, "save": save}
    shown = {name: number - number % K if number >= K else None for name, number in parts.items()}
    found = share(shown, "accept", K)
    if found is not None:
        assert found.least <= accept / sum(parts.values()) <= found.most


def test_few_answers_are_put_together() -> None:
    """Languages with fewer than k answers are one line, and none of them has its own."""
    made = effect([count("answer:accept_all", 15, locale=each) for each in ("en", "de")], [], K)
    assert [(line.locale, line.answers) for line in made.lines] == [("others", 20)]
    alone = effect([count("answer:accept_all", 15)], [], K)
    assert [(line.locale, line.answers) for line in alone.lines] == [("others", 0)]


def test_two_notices_are_compared_with_an_interval() -> None:
    """A clear difference is outside of zero; one of few people is not."""

    def two(before: int, after: int, of: int) -> Effect:
        counts = [
            count(f"answer:{method}", times, notice)
            for notice, accepted in (("shop@1", before), ("shop@2", after))
            for method, times in (("accept_all", accepted), ("refuse_all", of - accepted))
        ]
        return effect(counts, [], K, ("shop@1", "shop@2"))

    clear = next(each for each in two(4_000, 6_000, 10_000).differences if each.what == "accepted")
    assert clear.least > 0.15
    assert clear.most < 0.25
    unclear = next(each for each in two(40, 60, 100).differences if each.what == "accepted")
    assert unclear.least < 0 < unclear.most


@pytest.mark.parametrize("people", [3, 500])
def test_the_page_and_the_terminal_say_the_same_and_load_nothing(people: int) -> None:
    """One page without an address in it, which hides what the terminal hides."""
    made = effect([count(what, people) for what in WHATS], [Standings("shop@1", "measure", "given", people)], K)
    html, text = page(made, "abc"), "\n".join(lines(made)).partition("nothing here")[0]
    assert ("fewer than 20" in text) == (people < K)
    assert ("fewer than 20" in html) or people >= K
    assert "http" not in html
    assert "<script" not in html
