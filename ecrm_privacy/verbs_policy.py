"""What `ecrm policy` does: check, compare, put in force, explain."""

import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from ecrm_privacy import shipped
from ecrm_privacy.app import House
from ecrm_privacy.config import Config
from ecrm_privacy.consent.reconcile import Reconciler
from ecrm_privacy.enact import Rendered, read_policy
from ecrm_privacy.errors import PolicyRefused, StartRefused
from ecrm_privacy.hall import catalogues
from ecrm_privacy.policy.compile import compile as compile_policy
from ecrm_privacy.policy.decide import Facts
from ecrm_privacy.policy.diff import Diff, Difference, diff
from ecrm_privacy.policy.documents import Bundle, Rule
from ecrm_privacy.policy.explain import page, sentence
from ecrm_privacy.policy.load import load
from ecrm_privacy.policy.measure import Laws
from ecrm_privacy.policy.review import review
from ecrm_privacy.policy.store import AskedAgain, asked_again, living_under
from ecrm_privacy.showroom.browser import chromium, look
from ecrm_privacy.showroom.preview import HOST, server
from ecrm_privacy.showroom.report import FORMS, Looked, evidence, keep, kept
from ecrm_privacy.showroom.rules import RULES, Finding
from ecrm_privacy.showroom.stage import Stage
from ecrm_privacy.verbs import bar, in_house, put_in_force, say
from ecrm_privacy.vocabulary import Channel, ConsentStatus, Purpose, Recipient, Regime
from ecrm_privacy.words.catalogue import DEFAULT_LOCALE, findings


def policy_check(config: Config, given: Namespace) -> int:
    """`ecrm policy check`: 0 sound (with warnings perhaps), 1 there are problems, 2 there is nothing to read."""
    if given.folder and not given.folder.is_dir():
        raise StartRefused(f"{given.folder}: no such folder")
    try:
        bundle = read(config, given)
        rows = len(compile_policy(bundle).decisions)
    except PolicyRefused as refused:
        return _found(str(refused).splitlines(), ())
    found = review(bundle, laws())
    problems = (*found.problems, *(measured(config, given, bundle) if given.rendered else ()))
    if given.verbose:
        for name, law in sorted(bundle.jurisdictions.items()):
            for source in law.sources:
                say(f"source: jurisdictions/{name}.toml: {source.law}, {source.article}: {source.address}")
    status = _found(problems, (*found.warnings, *_unspoken(config, bundle)))
    if status == 0:
        say(
            f"sound: {len(bundle.purposes)} purposes, {len(bundle.notices)} notices, {len(bundle.jurisdictions)}"
            f" jurisdictions, {rows} rows, bundle {bundle.hash.hex()[:16]}"
        )
    return status


def measured(config: Config, given: Namespace, bundle: Bundle) -> list[str]:
    """Look at every banner of `bundle` in Chromium, keep the report, and return what was found. Raises NoBrowser."""
    with chromium() as browser, bar("looking") as progress:
        shots = look(Stage(bundle), browser, progress)
        made = evidence(bundle, shots, f"Chromium {browser.version}")
    path = keep(given.report or _reports(config), made)
    say(f"looked at {len(shots)} renderings: {path}")
    return [line for finding, places in made.report.summary() for line in _explained(finding, places)]


def _explained(finding: Finding, places: Sequence[Looked]) -> list[str]:
    rule, first = RULES[finding.rule], places[0]
    notice = f"sites/{first.site}.toml: {first.locale}, {first.width} px, {first.theme}, {FORMS[first.form]}"
    more = f" (and {len(places) - 1} more)" if len(places) > 1 else ""
    return [f"{notice}{more}: {finding.rule}: {finding.what}. {rule.remedy} [{'; '.join(rule.sources)}]"]


def _reports(config: Config) -> Path:
    """Where reports about banners wait for the activation of what they are about."""
    return config.data_dir / "rendered"


def policy_preview(config: Config, given: Namespace) -> int:
    """`ecrm policy preview`: serves the documents on loopback until it is stopped."""
    folder = given.folder or config.policies or shipped.policies()
    with server(folder, given.port) as listening:
        say(f"http://{HOST}:{listening.server_port}/ shows {folder}; nothing is recorded; Ctrl-C ends it")
        with suppress(KeyboardInterrupt):
            listening.serve_forever()
    return 0


def _unspoken(config: Config, bundle: Bundle) -> Iterator[str]:
    """Languages of sites that our pages do not speak, and what is missing or stale in those that they do."""
    offered = sorted({(locale, name) for name, site in bundle.sites.items() for locale in site.locales})
    for spoken in catalogues(config):
        for locale, site in offered:
            if spoken.of(locale)["locale"] == DEFAULT_LOCALE != locale.partition("-")[0]:
                yield f"sites/{site}.toml: locales: no {spoken.named}/{locale}.toml: those pages speak English there"
        files = {f"{spoken.named_file(spoken.of(locale)['locale'])}: " for locale, _ in offered}
        yield from (line for line in findings(spoken) if line.startswith(tuple(files)))


def _found(problems: Sequence[str], warnings: Sequence[str]) -> int:
    for line in problems:
        say(f"problem: {line}")
    for line in warnings:
        say(f"warning: {line}")
    return 1 if problems else 0


def read(config: Config, given: Namespace) -> Bundle:
    """Read the documents of the command line, or those of the configuration. Raises PolicyRefused."""
    return load(given.folder) if given.folder else read_policy(config)


def laws() -> Laws:
    """Return what the laws say, as the shipped jurisdictions have it: the measure of every policy."""
    return load(shipped.policies()).jurisdictions


class Change(msgspec.Struct, frozen=True):
    """What a change of policy means, as `ecrm policy diff --json` prints it; `people` are all that are asked again."""

    material: tuple[Difference, ...]
    editorial: tuple[Difference, ...]
    ask_again: tuple[AskedAgain, ...]
    people: int
    unasked: tuple[Purpose, ...]
    regimes_gone: tuple[Regime, ...]
    people_closed: int


async def measure(house: House, found: Diff) -> Change:
    """Count whom a change of policy asks again: one statement over what people said."""
    async with house.pools.house.acquire() as conn:
        counted = {row.purpose: row for row in await asked_again(found.ending).all(conn)}
        closed = await living_under(found.gone).first(conn)
    return Change(
        material=found.material,
        editorial=found.editorial,
        ask_again=tuple(counted.get(purpose, AskedAgain(purpose, 0, 0, 0)) for purpose in found.ask_again),
        people=counted[""].people if "" in counted else 0,
        unasked=found.unasked,
        regimes_gone=found.gone,
        people_closed=closed.people if closed else 0,
    )


def tell(change: Change) -> None:
    """Say what a change means, for the person at the terminal."""
    for word, lines in (("material", change.material), ("editorial", change.editorial)):
        for line in lines:
            say(f"{word}: {msgspec.json.encode(line).decode()}")
    for asked in change.ask_again:
        say(
            f"asked again: {asked.purpose}: {asked.people} people, {asked.yes} whose yes stops counting and {asked.no}"
            " who said no and are asked before their time"
        )
    if change.ask_again:
        say(f"asked again: {change.people} different people in all")
    else:
        say("asked again: nobody")
    if change.regimes_gone:
        say(
            f"gone: {', '.join(change.regimes_gone)}: everything but what is required is closed to"
            f" {change.people_closed} people who live under these regimes"
        )


def policy_diff(config: Config, given: Namespace) -> int:
    """`ecrm policy diff`: the documents beside the active bundle, and whom the change would ask again."""
    new = read(config, given)
    return in_house(config, lambda house: compare(house, new, as_json=given.json))


async def compare(house: House, new: Bundle, *, as_json: bool = False) -> int:
    """Say what `new` would change."""
    change = await measure(house, diff(house.hallway.bundle, new))
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(change)).decode())
    else:
        tell(change)
    return 0


def policy_activate(config: Config, given: Namespace) -> int:
    """`ecrm policy activate`: 0 in force (or would be), 1 refused."""
    new = read(config, given)
    found = review(new, laws())
    if found.problems and not given.despite_problems:
        _found(found.problems, ())
        say("refused: `ecrm policy check` tells what else; --despite-problems puts it in force all the same")
        return 1

    def instead(why: str) -> Bundle:
        say(f"{why}, so nobody can say what would change")
        if given.dry_run:
            raise PolicyRefused("dry run: nothing was changed; these documents would take its place")
        if not _agreed(yes=given.yes):
            raise PolicyRefused("left as it is")
        return new

    looked = kept(given.report or _reports(config), new.hash)
    rendered = Rendered(looked.hash, looked.text, looked.page) if looked else None
    if rendered is None:
        say("nobody has looked at these banners: `ecrm policy check --rendered` does, and leaves evidence")
    return in_house(config, lambda house: put(house, new, rendered, yes=given.yes, dry_run=given.dry_run), instead)


async def put(
    house: House, new: Bundle, rendered: Rendered | None = None, *, yes: bool = False, dry_run: bool = False
) -> int:
    """Put `new` in force, after a person at a terminal saw what it means; `yes` does not ask. `rendered` is what was
    found about its banners.
    """
    change = await measure(house, diff(house.hallway.bundle, new))
    if change.unasked:
        say("refused: these purposes were widened and no notice asks again:", ", ".join(change.unasked))
        return 1
    if dry_run:
        tell(change)
        say("dry run: nothing was changed")
        return 0
    if new.hash != house.hallway.bundle.hash and not yes:
        tell(change)
        if not _agreed():
            say("left as it is")
            return 1
    index = await put_in_force(house, new, rendered)
    say("in force already" if index is None else f"in force, as entry {index} of the log")
    say(f"what history may serve changed for {await Reconciler(house.desk).everybody()} people")
    return 0


def _agreed(*, yes: bool = False) -> bool:
    """Whether the person at the terminal agrees; a program that runs it has decided already."""
    if yes or not sys.stdin.isatty():
        return True
    try:
        return input("Put it in force, for everybody at once? Type yes: ").strip() == "yes"
    except EOFError:
        return False


def policy_explain(config: Config, given: Namespace) -> int:
    """`ecrm policy explain`: one decision in a sentence, or without a purpose the whole truth table as Markdown."""
    bundle = load(given.documents) if given.documents else read_policy(config)
    if not given.purpose:
        for line in page(bundle):
            say(line)
        return 0
    rule = Rule(Purpose(given.purpose), Channel(given.channel or ""), Recipient(given.recipient or ""))
    if rule not in bundle.rules:
        raise StartRefused(f"the policy decides nothing about that; it has: {', '.join(sorted(bundle.purposes))}")
    region = given.region or bundle.sites[min(bundle.sites)].jurisdiction
    regime = Regime(given.regime) if given.regime else bundle.jurisdiction(region).regime
    if regime not in bundle.regimes:
        raise StartRefused(f"no jurisdiction has that regime; there are: {', '.join(bundle.regimes)}")
    facts = Facts(ConsentStatus(given.status), not given.stale, given.restricted, given.under_age, given.gpc)
    say(sentence(bundle, rule, regime, facts))
    return 0
