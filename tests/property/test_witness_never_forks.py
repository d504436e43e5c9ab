"""Promise 5, provable: a witness puts its name to one history of a log, whatever it is sent, across restarts."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ecrm_privacy.ledger import merkle
from ecrm_privacy.ledger.checkpoint import parse_checkpoint, read_note
from ecrm_privacy.ledger.cosignature import find_cosignatures
from ecrm_privacy.ledger.witness.app import Witness, by_origin
from ecrm_privacy.ledger.witness.store import Record
from ecrm_privacy.ledger.witness.verdict import Reply
from tests.lengths import examples
from tests.unit.ledger.witnessing import LOG, NOW, ORIGIN, WITNESS, body, hashes, note, proof, request

SIZES, FORKS = st.integers(0, 24), st.sampled_from(["", "fork", "other"])


class Watched(RuleBasedStateMachine):
    """Sends anything to two witnesses of one record, and keeps what they cosigned."""

    @initialize()
    def start(self) -> None:
        self.folder = TemporaryDirectory()
        self.signed: list[tuple[int, str]] = []
        self.opened: list[Record] = []
        self.witnesses = [self.open(), self.open()]

    def open(self) -> Witness:
        self.opened.append(Record(Path(self.folder.name) / "witness.sqlite", [ORIGIN]))
        return Witness(WITNESS, self.opened[-1], by_origin([LOG.verifier]), lambda: NOW)

    def take(self, size: int, fork: str, reply: Reply) -> None:
        if reply.status != 200:
            assert find_in(reply.body, size, fork) == 0
            return
        assert find_in(reply.body, size, fork) == 1
        self.signed.append((size, fork))

    @rule(which=st.integers(0, 1), size=SIZES, fork=FORKS)
    def ask_as_a_log_does(self, which: int, size: int, fork: str) -> None:
        """From nothing, and after a conflict from where the witness says that it stands."""
        witness = self.witnesses[which]
        reply = witness.add_checkpoint(body(0, size, fork))
        if reply.status == 409 and int(reply.body) <= size:
            reply = witness.add_checkpoint(body(int(reply.body), size, fork))
        self.take(size, fork, reply)

    @rule(which=st.integers(0, 1), old=SIZES, size=SIZES, fork=FORKS, proves=FORKS)
    def ask_as_a_liar_does(self, which: int, old: int, size: int, fork: str, proves: str) -> None:
        """With any old size and the proof of another history."""
        sent = request(old, proof(old, size, proves), note(size, fork))
        self.take(size, fork, self.witnesses[which].add_checkpoint(sent))

    @rule(which=st.integers(0, 1))
    def restart(self, which: int) -> None:
        """A witness that starts anew knows what it knew."""
        self.witnesses[which] = self.open()

    @invariant()
    def one_history(self) -> None:
        """All trees that were cosigned are beginnings of the largest, and they never got smaller."""
        sizes = [size for size, _ in self.signed]
        assert sizes == sorted(sizes)
        if self.signed:
            leaves = hashes(self.signed[-1][1])
            for size, fork in self.signed:
                assert merkle.root(hashes(fork)[:size]) == merkle.root(leaves[:size])

    @invariant()
    def the_record_is_the_last_of_them(self) -> None:
        """What is kept is what was cosigned last, with both signatures."""
        if self.signed:
            state = self.opened[0].state(ORIGIN)
            kept = parse_checkpoint(read_note(state.note, LOG.verifier, WITNESS.key).text)
            size, fork = self.signed[-1]
            assert (kept.tree_size, kept.root_hash) == (size, merkle.root(hashes(fork)[:size]))
            assert (state.tree_size, state.root_hash) == (kept.tree_size, kept.root_hash)

    def teardown(self) -> None:
        for record in self.opened:
            record.close()
        self.folder.cleanup()


def find_in(answer: str, size: int, fork: str) -> int:
    """How many cosignatures over that tree an answer holds; refusals hold no signature line at all."""
    return len(find_cosignatures(note(size, fork), answer, [WITNESS.key])) if "— " in answer else 0


Watched.TestCase.settings = settings(max_examples=examples(20), stateful_step_count=20, deadline=None)
TestWatched = Watched.TestCase
