"""Policy files: whom to believe about a checkpoint."""

import pytest

from ecrm_privacy.errors import StartRefused, Tampered
from ecrm_privacy.ledger.checkpoint import Signer
from ecrm_privacy.ledger.cosignature import Cosigner
from ecrm_privacy.ledger.quorum import QuorumRefused, parse_policy, require_quorum, satisfied, witnessed
from tests.unit.ledger.witnessing import LOG, NOW, checkpoint, note, private

TEXT = checkpoint(5).text()
NOTE = note(5)
WITNESSES = {
    name: Cosigner(f"{name.lower()}.example/w", private(name)) for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
}
EXAMPLE = "".join(
    [
        f"log {LOG.vkey()}\n\n",
        *(f"witness {name} {cosigner.vkey()}\n" for name, cosigner in WITNESSES.items()),
        "group X-witnesses 2 X1 X2 X3\n",
        "group Y-witnesses any Y1 Y2 Y3\n",
        "\ngroup X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
    ]
)


def signed_by(*names: str) -> str:
    return NOTE + "".join(WITNESSES[name].cosign(TEXT, NOW) for name in names)


def read(text: str) -> object:
    return parse_policy(text.encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    ("names", "enough"),
    [
        ("", False),
        ("X1 X2", False),
        ("X1 Y1", False),
        ("X1 X3 Y2", True),
        ("Y3 X2 X1", True),
        ("X1 X2 X3", False),
        ("Y1 Y2 Y3 X1", False),
        ("X1 X2 X3 Y1 Y2 Y3", True),
    ],
)
def test_the_example_of_the_specification_means_what_it_says(names: str, enough: bool) -> None:
    """Two of the X and one of the Y, in whatever order their lines stand."""
    policy = parse_policy(EXAMPLE.encode())
    found = witnessed(policy, signed_by(*names.split()))
    assert (found.witnesses, found.satisfied) == (tuple(names.split()), enough)
    assert found.checkpoint == checkpoint(5)
    assert satisfied(policy, signed_by(*names.split())) == enough


def test_a_missing_quorum_raises_and_names_who_cosigned() -> None:
    """The check that must not be ignored raises, and says who cosigned."""
    policy = parse_policy(EXAMPLE.encode())
    with pytest.raises(Tampered, match=r"cosigned by X1, Y2$"):
        require_quorum(policy, signed_by("X1", "Y2"))
    with pytest.raises(Tampered, match="nobody whom the policy knows"):
        require_quorum(policy, NOTE)
    assert require_quorum(policy, signed_by("X1", "X2", "Y1")).satisfied


def test_a_bad_line_of_a_known_witness_condemns_the_note() -> None:
    """A witness of the policy with a bad cosignature makes the note worthless, however many others are good."""
    policy = parse_policy(EXAMPLE.encode())
    bad = signed_by("X1", "X2", "Y1") + WITNESSES["Y3"].cosign(checkpoint(6).text(), NOW)
    assert not satisfied(policy, bad)
    with pytest.raises(Tampered, match="does not check"):
        witnessed(policy, bad)


def test_witnesses_do_not_stand_in_for_the_log() -> None:
    """Without a signature by a listed log, in whose name the checkpoint speaks, no number of witnesses is enough."""
    policy = parse_policy(EXAMPLE.encode())
    cosigned = signed_by("X1", "X2", "Y1")
    lines = cosigned.partition("\n\n")[2].splitlines(keepends=True)[1:]
    assert not satisfied(policy, f"{TEXT}\n{''.join(lines)}")
    stranger = Signer("stranger.example", private("stranger"))
    with pytest.raises(Tampered, match="not signed by a known log"):
        witnessed(policy, f"{stranger.sign(TEXT)}{''.join(lines)}")
    two = parse_policy(f"log {stranger.vkey()}\n{EXAMPLE}".encode())
    with pytest.raises(Tampered, match="under its own name"):
        witnessed(two, f"{stranger.sign(TEXT)}{''.join(lines)}")
    assert satisfied(two, cosigned)


def test_the_log_may_be_known_from_elsewhere() -> None:
    """A policy without logs serves whoever hands the log's key in, and nobody else."""
    policy = parse_policy(f"witness w {WITNESSES['X1'].vkey()}\nquorum w\n".encode())
    assert satisfied(policy, signed_by("X1"), LOG.verifier)
    assert not satisfied(policy, signed_by("X1"))
    assert not satisfied(policy, NOTE, LOG.verifier)
    assert satisfied(parse_policy(b"quorum none\n"), NOTE, LOG.verifier)
    assert not satisfied(parse_policy(b"quorum none\n"), NOTE)


def test_addresses_comments_tabs_and_octets_are_read() -> None:
    """Tabs and spaces, comments, empty lines, addresses, and names that are no UTF-8 all have their place."""
    one, two = WITNESSES["X1"].vkey(), WITNESSES["X2"].vkey()
    policy = parse_policy(
        f"# comment\n\t # another\n  \t\nlog\t{LOG.vkey()}  https://log.example/ledger \n".encode()
        + b"witness K "
        + one.encode()
        + b" http://localhost:8100\nwitness \xe2\x84\xaa "
        + two.encode()
        + b"\ngroup \xff 2 K \xe2\x84\xaa\nquorum \xff\n"
    )
    assert [log.url for log in policy.logs] == ["https://log.example/ledger"]
    assert [witness.url for witness in policy.witnesses] == ["http://localhost:8100", None]
    assert [witness.name for witness in policy.witnesses] == ["K", "\u212a"]
    assert satisfied(policy, signed_by("X1", "X2"))
    assert not satisfied(policy, signed_by("X1"))


def test_thirty_two_of_each_are_read() -> None:
    """Thirty-two logs, witnesses and groups, the groups nested in each other, are no trouble."""
    cosigners = [Cosigner(f"w{number}.example", private(f"w{number}")) for number in range(32)]
    logs = [Signer(f"l{number}.example", private(f"l{number}")) for number in range(31)]
    lines = [f"log {LOG.vkey()}", *(f"log {log.vkey()}" for log in logs)]
    lines += [f"witness w{number} {cosigner.vkey()}" for number, cosigner in enumerate(cosigners)]
    lines += ["group g0 all w0", *(f"group g{number} all g{number - 1} w{number}" for number in range(1, 32))]
    policy = parse_policy("".join(f"{line}\n" for line in [*lines, "quorum g31"]).encode())
    cosignatures = [cosigner.cosign(TEXT, NOW) for cosigner in cosigners]
    assert satisfied(policy, NOTE + "".join(cosignatures))
    assert not satisfied(policy, NOTE + "".join(cosignatures[1:]))


W1, W2 = f"witness a {WITNESSES['X1'].vkey()}\n", f"witness b {WITNESSES['X2'].vkey()}\n"
AGAIN = Cosigner("another.example/name", private("X1"))
REFUSED = {
    "an empty file": ("", 1, "without a quorum line"),
    "no quorum": (W1 + W2, 2, "without a quorum line"),
    "a second quorum": (f"{W1}quorum a\nquorum a\n", 3, "second quorum"),
    "a quorum of nobody": ("quorum a\n", 1, "not the name"),
    "a quorum before its witness": (f"quorum a\n{W1}", 1, "not the name"),
    "a quorum of two": (f"{W1}{W2}quorum a b\n", 3, "quorum NAME"),
    "an unknown word": ("witnes a b\n", 1, "begins with"),
    "another case": ("Quorum none\n", 1, "begins with"),
    "a comment behind": (f"{W1}quorum a # why\n", 2, "quorum NAME"),
    "a log without key": ("log\n", 1, "log VKEY"),
    "a log with a witness's key": (f"log {WITNESSES['X1'].vkey()}\n", 1, "not an Ed25519 key of a named log"),
    "a witness with a log's key": (f"witness a {LOG.vkey()}\n", 1, "not an Ed25519 cosignature key"),
    "a witness with a key of another type": (
        "witness a pq.example+00000000+BgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        1,
        "not an Ed25519 cosignature key",
    ),
    "a witness without name": (f"witness {WITNESSES['X1'].vkey()}\n", 1, "witness NAME VKEY"),
    "a damaged key": (W1.replace("\n", "=\n"), 1, "base64"),
    "a key that is not its id's": (W1.replace("x1.example", "x2.example"), 1, "key id"),
    "a key name that is no UTF-8": (W1.replace("x1.example", "x1\udcff"), 1, "key name"),
    "a witness twice": (W1 + W1.replace("witness a", "witness c"), 2, "on a line before"),
    "a key under another name": (f"{W1}witness c {AGAIN.vkey()}\n", 2, "on a line before"),
    "a log twice": (f"log {LOG.vkey()}\nlog {LOG.vkey()}\n", 2, "on a line before"),
    "a name twice": (W1 + W2.replace("witness b", "witness a"), 2, "defined already"),
    "a group of a witness's name": (f"{W1}group a any a\n", 2, "defined already"),
    "a group of itself": (f"{W1}group g any g\n", 2, "not defined"),
    "a witness called none": (W1.replace("witness a", "witness none"), 1, "none"),
    "a group called none": (f"{W1}group none any a\n", 2, "none"),
    "none as a member": (f"{W1}group g any none\n", 2, "not defined"),
    "a member of nothing": (f"{W1}group g any b\n", 2, "not defined"),
    "a member defined later": (f"{W1}group g any b\n{W2}", 2, "not defined"),
    "a member twice": (f"{W1}group g any a a\n", 2, "second time"),
    "a member of two groups": (f"{W1}{W2}group g any a\ngroup h all a b\n", 4, "second time"),
    "a group without members": (f"{W1}group g any\n", 2, "group NAME"),
    "none of one": (f"{W1}group g 0 a\n", 2, "from 1 to"),
    "two of one": (f"{W1}group g 2 a\n", 2, "from 1 to"),
    "a count with a zero before": (f"{W1}group g 01 a\n", 2, "from 1 to"),
    "a signed count": (f"{W1}group g +1 a\n", 2, "from 1 to"),
    "a count in words": (f"{W1}group g one a\n", 2, "from 1 to"),
    "a count of other digits": (f"{W1}group g ١ a\n", 2, "from 1 to"),
    "carriage returns": (f"{W1}quorum a\r\n", 2, "control characters"),
    "a form feed": (f"{W1}\f\nquorum a\n", 2, "control characters"),
    "a NUL": ("quorum none\0\n", 1, "control characters"),
    "a DEL": ("# \x7f\nquorum none\n", 1, "control characters"),
    "a line that does not end": (f"{W1}quorum a", 2, "newline"),
    "spaces that are none": ("quorum\u00a0none\n", 1, "begins with"),
    "more than it takes": ("# " + "x" * 256 * 1024 + "\n", 1, "256 KiB"),
}


@pytest.mark.parametrize(("text", "line", "what"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_that_is_not_well_formed_names_its_line(text: str, line: int, what: str) -> None:
    """Each thing that can be wrong is refused in one sentence that begins with the line."""
    with pytest.raises(QuorumRefused, match=what) as refused:
        read(text)
    assert refused.value.line == line
    assert str(refused.value).startswith(f"line {line}: ")
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, StartRefused)


def test_a_witness_accepts_its_own_lines_alone() -> None:
    """What a witness of the policy accepts of an answer is its own line, as it stands there."""
    policy = parse_policy(f"{W1}quorum a\n".encode())
    mine, other = WITNESSES["X1"].cosign(TEXT, NOW), WITNESSES["X2"].cosign(TEXT, NOW)
    assert policy.witnesses[0].accept(NOTE, other + mine) == [mine]
    assert policy.witnesses[0].accept(NOTE, other) == []
