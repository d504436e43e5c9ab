"""Promise 5, provable: a quorum is reached exactly by those who make it, however the groups stand in each other."""

from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.ledger.cosignature import Cosigner
from ecrm_privacy.ledger.quorum import Policy, parse_policy, witnessed
from tests.unit.ledger.witnessing import LOG, NOW, checkpoint, note, private

COSIGNERS = {f"w{number}": Cosigner(f"w{number}.example", private(f"w{number}")) for number in range(6)}
TEXT, NOTE = checkpoint(3).text(), note(3)
LINES = {name: cosigner.cosign(TEXT, NOW) for name, cosigner in COSIGNERS.items()}
DEFINED = "".join(f"witness {name} {cosigner.vkey()}\n" for name, cosigner in COSIGNERS.items())

Groups = list[tuple[str, int, list[str]]]


@st.composite
def groups(draw: st.DrawFn) -> Groups:
    """Groups over the witnesses, and over earlier groups, no name in two of them."""
    made: Groups = []
    free = sorted(COSIGNERS)
    for number in range(draw(st.integers(1, 4))):
        if not free:
            break
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        free = [*(name for name in free if name not in members), f"g{number}"]
        made.append((f"g{number}", draw(st.integers(1, len(members))), members))
    return made


def count(name: str, made: Groups, signed: set[str]) -> bool:
    """The definition, as the specification words it."""
    for group, threshold, members in made:
        if name == group:
            return sum(count(member, made, signed) for member in members) >= threshold
    return name in signed


def read(made: Groups, quorum: str) -> Policy:
    lines = "".join(f"group {name} {threshold} {' '.join(members)}\n" for name, threshold, members in made)
    return parse_policy(f"log {LOG.vkey()}\n{DEFINED}{lines}quorum {quorum}\n".encode())


@given(groups(), st.sets(st.sampled_from(sorted(COSIGNERS))), st.data())
def test_the_quorum_is_what_the_definition_says(made: Groups, signed: set[str], data: st.DataObject) -> None:
    """For any groups and any who signed, the policy and a recursion over the definition agree."""
    quorum = data.draw(st.sampled_from([*(name for name, _, _ in made), *COSIGNERS]))
    order = data.draw(st.permutations(sorted(signed)))
    found = witnessed(read(made, quorum), NOTE + "".join(LINES[name] for name in order))
    assert found.satisfied == count(quorum, made, signed)
    assert list(found.witnesses) == order


@given(groups(), st.sets(st.sampled_from(sorted(COSIGNERS))), st.sampled_from(sorted(COSIGNERS)))
def test_one_more_witness_never_takes_the_quorum_away(made: Groups, signed: set[str], more: str) -> None:
    """Whoever reached the quorum reaches it with one more, and everybody together always does."""
    policy = read(made, made[-1][0])
    assert policy.is_met_by(signed) <= policy.is_met_by(signed | {more})
    assert policy.is_met_by(set(COSIGNERS))
    assert not policy.is_met_by(set())


@given(groups(), st.integers(0, 63))
def test_all_any_and_numbers_are_the_same_thing(made: Groups, bits: int) -> None:
    """`any` is 1 and `all` is the number of the members."""
    members = made[0][2]
    signed = {name for place, name in enumerate(members) if bits >> place & 1}
    words = {"any": bool(signed), "all": len(signed) == len(members)}
    for word, expected in words.items():
        policy = parse_policy(f"{DEFINED}group g {word} {' '.join(members)}\nquorum g\n".encode())
        assert policy.is_met_by(signed) == expected
