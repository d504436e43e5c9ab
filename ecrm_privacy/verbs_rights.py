"""`ecrm rights`: what people wait for, and how it ends. The table names nobody; one request is opened to answer."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from uuid import UUID

import msgspec

from ecrm_privacy.app import House
from ecrm_privacy.config import Config
from ecrm_privacy.errors import NotKnown, StartRefused
from ecrm_privacy.rights.requests import Asked, RequestEnded
from ecrm_privacy.rights.store import DueRow
from ecrm_privacy.verbs import in_house, say

HEADINGS = ("due by", "", "right", "status", "received", "request")
REASON_CHARACTERS_MOST = 2000


def arguments(verb: Callable[..., ArgumentParser], rights: object) -> None:
    """Say what the verbs about requests take."""
    one = verb("due", rights_due, "what people wait for, the most overdue first", "ecrm rights due", rights)
    one.add_argument("--json", action="store_true", help="for programs")
    one = verb("fulfil", rights_fulfil, "show what was asked for, and say that it is done, or why it is denied",
               "ecrm rights fulfil 5b0c8a3e-91a1-4c0a-8f4f-0a4d8bb2f5f4", rights)  # fmt: skip
    one.add_argument("request", metavar="ID", help="the request, as `ecrm rights due` names it")
    one.add_argument("--deny", metavar="REASON", help="deny it; the person reads why, so write in their language")
    one.add_argument("--yes", action="store_true", help="it is done: do not ask at the terminal")


def rights_due(config: Config, given: Namespace) -> int:
    """`ecrm rights due`: 0 nothing is overdue, 1 something is."""
    return in_house(config, lambda house: due(house, as_json=given.json))


def rights_fulfil(config: Config, given: Namespace) -> int:
    """`ecrm rights fulfil`: 0 it has ended, 1 nothing was changed."""
    try:
        request_id = UUID(given.request)
    except ValueError:
        raise StartRefused("that is no name of a request: `ecrm rights due` lists them") from None
    if given.deny is not None and not 0 < len(given.deny.strip()) <= REASON_CHARACTERS_MOST:
        raise StartRefused(f"--deny: say why, in at most {REASON_CHARACTERS_MOST} characters")
    if given.deny is not None and given.yes:
        raise StartRefused("it is either done (--yes) or denied (--deny)")
    because = (given.deny or "").strip()
    return in_house(config, lambda house: fulfil(house, request_id, denied_because=because, is_done=given.yes))


async def due(house: House, *, as_json: bool) -> int:
    """Show what waits for an answer."""
    rows = await house.requests.due()
    if as_json:
        say(msgspec.json.encode(rows).decode())
    elif rows:
        table = [HEADINGS, *(_cells(row) for row in rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(HEADINGS))]
        for line in table:
            say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
    else:
        say("nothing is due")
    return 1 if any(row.days_left < 0 for row in rows) else 0


async def fulfil(house: House, request_id: UUID, *, denied_because: str, is_done: bool) -> int:
    """Show what was asked for, and end it where that is confirmed."""
    try:
        asked = await house.requests.read(request_id)
        _show(asked)
        if not (denied_because or is_done or _confirmed()):
            say("nothing was changed: --yes says that it is done, --deny REASON that it will not be")
            return 1
        await house.requests.end(request_id, denied_because=denied_because)
    except NotKnown:
        say("there is no such request, or the person is erased")
        return 1
    except RequestEnded:
        say("nothing is to be done about it: it has ended, or the service itself is at it")
        return 1
    say("denied; the person reads why on their preferences page" if denied_because else "done; the person is told so")
    return 0


def _confirmed() -> bool:
    return sys.stdin.isatty() and input("Is it done? Type yes: ").strip() == "yes"


def _cells(row: DueRow) -> tuple[str, ...]:
    left = f"{-row.days_left} days overdue" if row.days_left < 0 else f"in {row.days_left} days"
    return (row.expected_by.isoformat(), left, row.kind, row.status, row.received.isoformat(), str(row.request_id))


def _show(asked: Asked) -> None:
    row = asked.row
    say(f"{row.kind}, received {row.received.isoformat()}, answer due by {row.expected_by.isoformat()}")
    for field, value in asked.contact.items():
        say(f"  {field}: {_printable(value)}")
    if not asked.contact:
        say("  nothing is on file by which the shop would know whom it is about")
    say(f"\n{_printable(asked.wording)}\n")


def _printable(text: str) -> str:
    """Take from what a stranger wrote whatever would speak to the terminal."""
    return "".join(each if each.isprintable() or each == "\n" else "\ufffd" for each in text)
