"""What is stored gives back what was loaded; what a cookie says is what was chosen."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from ecrm_privacy.policy.choice import LENGTH_MOST, Choice, encode, parse
from ecrm_privacy.policy.documents import BITS_MOST, Bundle
from ecrm_privacy.policy.load import from_documents
from ecrm_privacy.vocabulary import NoticeVersion
from tests.unit.policy.policies import SHIPPED, bundle, bundles, tree

NOTICES = st.from_regex(r"[a-z][a-z0-9-]{0,19}@[1-9][0-9]{0,3}", fullmatch=True).map(NoticeVersion)


@settings(max_examples=25, deadline=None)
@given(bundles())
def test_a_bundle_comes_back_from_its_documents(policy: Bundle) -> None:
    """Lossless: every document equal, and the same hash."""
    assert from_documents(policy.documents) == policy


@settings(max_examples=100, deadline=None)
@given(NOTICES, st.permutations(range(BITS_MOST)), st.data())
def test_a_choice_comes_back_from_its_cookie(notice: NoticeVersion, bits: list[int], data: st.DataObject) -> None:
    """Whatever bits the purposes have: at most 60 characters of the cookie's alphabet, and the same choice again."""
    changed = tree()
    for purpose, bit in zip(changed["purposes"].values(), bits, strict=False):
        purpose["bit"] = bit
    policy = bundle(changed)
    some = st.frozensets(st.sampled_from(sorted(policy.purposes)))
    choice = Choice(notice, data.draw(some), data.draw(some))
    text = encode(policy, choice)
    assert re.fullmatch(r"[A-Za-z0-9._@-]*", text) and len(text) <= LENGTH_MOST
    assert parse(policy, text) == choice


@given(st.one_of(st.text(max_size=70), st.from_regex(r"1\.[a-z]{1,3}@[0-9]{1,2}\.[0-9a-g]{0,34}", fullmatch=True)))
def test_a_cookie_that_is_read_is_in_the_one_form(text: str) -> None:
    """Whatever a browser sends is None or has exactly one spelling."""
    choice = parse(SHIPPED, text)
    known_bits_only = len(text.rpartition(".")[2]) <= len(SHIPPED.purposes) // 2
    assert choice is None or not known_bits_only or encode(SHIPPED, choice) == text
