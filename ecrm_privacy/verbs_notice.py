"""What `ecrm notice` does: how notices are received, from our own records."""

from argparse import Namespace
from datetime import date

import msgspec

from ecrm_privacy.app import House
from ecrm_privacy.config import Config
from ecrm_privacy.consent import store as consent
from ecrm_privacy.errors import StartRefused
from ecrm_privacy.policy import store as policy
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.showroom.charts import lines, page
from ecrm_privacy.showroom.effect import Effect, effect
from ecrm_privacy.showroom.report import Report
from ecrm_privacy.verbs import in_house, say

COMPARED = 2


def notice_report(config: Config, given: Namespace) -> int:
    """`ecrm notice report`: 0 done, 1 two notices that cannot be compared fairly."""
    if len(given.notice) > COMPARED:
        raise StartRefused("one notice or two: `ecrm notice report shop@1 shop@2` compares them")
    try:
        since = date.fromisoformat(given.since) if given.since else None
    except ValueError:
        raise StartRefused("--since is a day, such as 2026-11-22") from None
    return in_house(config, lambda house: report(house, given, since))


async def report(house: House, given: Namespace, since: date | None) -> int:
    """Say how notices are received; refuses to compare notices whose banners were not measured as fair."""
    await house.reception.flush()
    bundle = house.hallway.bundle
    if unknown := [name for name in given.notice if name not in bundle.notices]:
        raise StartRefused(f"no notice {', '.join(unknown)}; the policy has: {', '.join(bundle.notices)}")
    async with house.pools.house.acquire() as conn:
        counts = await consent.notice_counts(since).all(conn)
        standings = await consent.notice_standings().all(conn)
        kept = await policy.reports().all(conn)
    if len(given.notice) == COMPARED and (unfair := unmeasured(given.notice, [each.text for each in kept])):
        say(f"not compared: no report says that the banner of {', '.join(unfair)} is fair; an unfair one wins unfairly")
        say("`ecrm policy check --rendered`, then `ecrm policy activate`, leaves that report")
        return 1
    _show(effect(counts, standings, house.config.k_people, given.notice), given, bundle)
    return 0


def unmeasured(notices: list[str], texts: list[bytes]) -> list[str]:
    """Which of these notices no sound report is about."""
    reports = [msgspec.json.decode(text, type=Report) for text in texts]
    fair = {shown.notice for each in reports if each.sound for shown in each.notices}
    return [name for name in notices if name not in fair]


def _show(made: Effect, given: Namespace, bundle: Bundle) -> None:
    if given.html:
        given.html.write_text(page(made, bundle.hash.hex()[:16]), "utf-8")
        say(f"written: {given.html}")
    elif given.json:
        say(msgspec.json.format(msgspec.json.encode(made)).decode())
    else:
        for line in lines(made):
            say(line)
