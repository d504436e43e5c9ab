"""`ecrm`: one program, a verb for each job. Each explains itself with `--help` and an example."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ecrm_privacy import (
    __version__,
    demo,
    verbs,
    verbs_history,
    verbs_keys,
    verbs_ledger,
    verbs_notice,
    verbs_policy,
    verbs_rights,
    verbs_shard,
    verbs_witness,
    verbs_words,
)  # fmt: skip
from ecrm_privacy.config import Config, read_config
from ecrm_privacy.errors import Failure, StartRefused
from ecrm_privacy.vocabulary import ConsentStatus
from ecrm_privacy.web.logs import install

Verb = Callable[[Config, argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns the exit status: 0 done, 1 the answer is no, 2 it could not be done."""
    given = _parser().parse_args(arguments)
    install()  # what we log goes through the allow-list here too: an import meets as many people as a worker
    try:
        config = read_config(
            data_dir=given.data_dir,
            port=getattr(given, "port", None),
            workers=getattr(given, "workers", None),
            gate_process=getattr(given, "gate_process", None),
        )
        return int(given.verb(config, given))
    except StartRefused as refused:
        print(f"ecrm: {refused}", file=sys.stderr)
    except Failure as failure:
        print(f"ecrm: {type(failure).__name__}: {failure}", file=sys.stderr)
    except KeyboardInterrupt:
        print("ecrm: stopped; what was done is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ecrm", description=__doc__)
    parser.add_argument("--version", action="version", version=f"ecrm {__version__}")
    verbs_of = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: Verb, text: str, example: str, within: object = None) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = (within or verbs_of).add_parser(  # type: ignore[attr-defined]
            name, help=text, description=text, epilog=f"Example: {example}"
        )
        made.add_argument("--data-dir", type=Path, help="where key file and embedded database live (default: data)")
        made.set_defaults(verb=run)
        return made

    def group(name: str, text: str) -> object:
        return verbs_of.add_parser(name, help=text, description=text).add_subparsers(required=True, metavar="VERB")

    one = verb("demo", demo.run, "a shop with customers and history, on this machine", "ecrm demo --port 8000")
    one.add_argument("--port", type=int, help="default: 8000")
    one.add_argument("--workers", type=int, help="default: 1")
    one = verb("run", verbs.run, "the service", "ecrm run --workers 2")
    one.add_argument("--port", type=int, help="default: 8000")
    one.add_argument("--workers", type=int, help="default: 1")
    one.add_argument(
        "--gate-process", action=argparse.BooleanOptionalAction, help="keys in a process apart from those that render"
    )
    one = verb("migrate", verbs.migrate, "bring the database to this version", "ecrm migrate --dry-run")
    one.add_argument("--dry-run", action="store_true", help="list what would be done")

    _policy(verb, group("policy", "what we promise: check it, compare it, put it in force, explain it"))

    one = verb("report", verbs_notice.notice_report, "how notices are received, from our own records; two are compared",
               "ecrm notice report --html report.html", group("notice", "what people were asked"))  # fmt: skip
    one.add_argument("notice", nargs="*", help="a notice and its version, such as shop@1; two are compared")
    one.add_argument("--since", metavar="DAY", help="leave out weeks that began before")
    one.add_argument("--html", type=Path, metavar="FILE", help="write one page with charts")
    one.add_argument("--json", action="store_true", help="for programs")

    ledger = group("ledger", "the log of what people said")
    _ledger(verb, ledger)

    keys = group("keys", "the key file, on which everything depends")
    verbs_keys.arguments(verb, keys)

    verbs_rights.arguments(verb, group("rights", "what people asked for, and until when they wait"))

    one = verb("import", verbs.take_in, "take a file in: items, subjects, answers, events, in this order",
               "ecrm import events purchases.csv --mapping shop.toml")  # fmt: skip
    one.add_argument("kind", choices=("items", "subjects", "answers", "events"))
    one.add_argument("file", type=Path)
    one.add_argument("--mapping", type=Path, help="TOML: which column becomes which field")
    one.add_argument("--dry-run", action="store_true", help="read and report, change nothing")

    aggregate = group("aggregate", "counts of contributors")
    verb("run", verbs.aggregate_run, "learn what is new and publish neighbours", "ecrm aggregate run", aggregate)
    verb(
        "verify",
        verbs.aggregate_verify,
        "prove that the counts hold only contributors",
        "ecrm aggregate verify",
        aggregate,
    )

    one = verb("witness", verbs_witness.witness, "watch the log of somebody else, and cosign what continues it",
               "ecrm witness --log shop.example/ecrm+1a2b3c4d+AbCd... --name dpo.example/witness")  # fmt: skip
    one.add_argument("--log", action="append", required=True, metavar="VKEY", help="verifier key of a log; repeatable")
    one.add_argument("--name", help="the witness's own name, a URL without scheme; given once, at the first start")
    one.add_argument("--port", type=int, help="default: 8100")
    one.add_argument("--host", help="where to listen (default: 127.0.0.1, this machine alone)")

    verbs_words.arguments(verb, group("words", "what our pages say, in each language"))

    one = verb("bench", verbs.bench, "the benchmarks, each beside its own limit", "ecrm bench seal")
    one.add_argument("name", nargs="?", help="one benchmark; default: all")
    return parser


def _policy(verb: Callable[..., argparse.ArgumentParser], policy: object) -> None:
    """Add the verbs about the policy."""
    check, compare, activate = verbs_policy.policy_check, verbs_policy.policy_diff, verbs_policy.policy_activate
    one = verb(
        "check", check, "name every problem, and what a lawyer would ask about", "ecrm policy check policies", policy
    )
    one.add_argument("--verbose", action="store_true", help="show where each law is read, too")
    one.add_argument("--rendered", action="store_true", help="look at every banner in Chromium, too, and keep a report")
    two = verb("diff", compare, "what would change, and who would be asked again", "ecrm policy diff policies", policy)
    two.add_argument("--json", action="store_true", help="for programs")
    put = verb("activate", activate, "put the documents in force", "ecrm policy activate policies --dry-run", policy)
    put.add_argument("--yes", action="store_true", help="do not ask at the terminal")
    put.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
    put.add_argument("--despite-problems", action="store_true", help="although `ecrm policy check` finds problems")
    for each in (one, put):
        each.add_argument("--report", type=Path, metavar="DIR", help="where reports are kept (default: DATA/rendered)")
    show = verb(
        "preview", verbs_policy.policy_preview, "show banners and preferences before they are in force, on loopback",
        "ecrm policy preview policies", policy,
    )  # fmt: skip
    show.add_argument("--port", type=int, default=8200, help="default: 8200; 0 takes any")
    for each in (one, two, put, show):
        each.add_argument("folder", type=Path, nargs="?", help="default: the configured documents")

    one = verb("explain", verbs_policy.policy_explain, "one decision in a sentence; without a purpose all of them",
               "ecrm policy explain personalize --region us-ca --status refused", policy)  # fmt: skip
    one.add_argument("purpose", nargs="?", help="default: every rule, as Markdown")
    within = one.add_mutually_exclusive_group()
    within.add_argument("--channel", help="a channel of the purpose")
    within.add_argument("--recipient", help="a recipient of the purpose")
    under = one.add_mutually_exclusive_group()
    under.add_argument("--regime", help="default: that of the first site")
    under.add_argument("--region", help="a country or a part of one, such as us-ca: its regime")
    one.add_argument("--status", choices=[*map(str, ConsentStatus)], default="unknown", help="what was said")
    one.add_argument("--stale", action="store_true", help="to a notice that has changed materially since")
    one.add_argument("--restricted", action="store_true", help="processing is restricted")
    one.add_argument("--under-age", action="store_true", help="the person is below the age of consent")
    one.add_argument("--gpc", action="store_true", help="Global Privacy Control is sent")
    one.add_argument("--documents", type=Path, metavar="DIR", help="default: the configured documents")


def _ledger(verb: Callable[..., argparse.ArgumentParser], ledger: object) -> None:
    """Add the verbs about the log."""
    check = verbs_ledger.ledger_verify
    one = verb("verify", check, "check a log, here or elsewhere, or one receipt", "ecrm ledger verify", ledger)
    one.add_argument("url", nargs="?", help="base address of a service: check its public log, with its key alone")
    one.add_argument("--receipt", type=Path, help="check this receipt, and with an address that its log contains it")
    one.add_argument("--key", help="the log's verifier key (vkey); without it the service's own is taken, and said so")
    one.add_argument("--policy", type=Path, help="with an address: the witnesses who must have signed (tlog-policy)")
    one.add_argument(
        "--full", action="store_true", help="with an address and a receipt: check the whole log too (else the default)"
    )

    one = verb("rebuild-state", verbs_ledger.rebuild_state, "prove that current answers are what the log says, or make"
               " them so", "ecrm ledger rebuild-state --check", ledger)  # fmt: skip
    one.add_argument("--check", action="store_true", help="only say whether something differs")
    one.add_argument("--yes", action="store_true", help="write what differs, after it was shown")

    one = verb("at", verbs_history.ledger_at, "what was permitted at a time, as known at another, with its receipts",
               "ecrm ledger at --customer C-000123 --time 2026-06-01T12:00:00Z", ledger)  # fmt: skip
    verbs_history.arguments(one)

    one = verb("shard", verbs_shard.shard, "go on after a restored backup, under a further name of the log",
               "ecrm ledger shard --from 1024 --dry-run", ledger)  # fmt: skip
    one.add_argument(
        "--from", dest="size", type=int, required=True, metavar="SIZE", help="how many entries the restored log has"
    )
    one.add_argument(
        "--nothing-lost", action="store_true", help="state in public that nothing was lost: no yes is asked again"
    )
    one.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
