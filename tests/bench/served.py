"""Over HTTP, one worker as `ecrm run` starts it: slots behind the gate and answers, beside handlers that ask nobody."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import cycle
from typing import NamedTuple
from uuid import uuid4

import msgspec

from ecrm_privacy import shipped
from ecrm_privacy.policy import choice
from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.policy.load import load
from tests.bench.answers import pipelined, yes_to_everything
from tests.bench.asking import Expected, ask, request
from tests.bench.ground import Ground, service
from tests.bench.measure import Line, Scale, Table, interleave
from tests.bench.people import Person
from tests.bench.shop import PLUGINS, open_shop

DATABASE = "bench_served"
PIPELINED = "bare inserts, as many to a commit as connections"
UNGATED = "ungated, one SELECT, same template"
SLOTS = {"greeting": "≥ 1.5", "for-you": "≥ 1.2"}
APART = {name: f"slot {name}, --gate-process" for name in SLOTS} | {"answers": "answers, --gate-process"}
"""What is measured with the keys in a process of their own, too."""
NOTES = (
    "the limit: a handler of the same application and edges that asks nobody, renders the same template, and takes one",
    "SELECT of its own per request (an answer's limit: a handler that only parses the same body); one worker",
    "nothing asked: the limit without its SELECT, which is the most that anybody could reach beside it",
)


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure slots and answers, each beside its own handler."""
    people = await open_shop(ground, DATABASE, scale.customers)
    others: Counter[str] = Counter()
    with (
        service(ground, DATABASE, *PLUGINS) as port,
        service(ground, DATABASE, *PLUGINS, gate_process=True) as apart,
    ):
        sides = _sides(people, load(shipped.policies()), port)
        rounds = {name: _round(port, name, side, scale, others) for name, side in sides.items()}
        there = {name: side for name, side in _sides(people, load(shipped.policies()), apart).items() if name in APART}
        rounds |= {f"{name} apart": _round(apart, f"{name} apart", side, scale, others) for name, side in there.items()}
        conn = await ground.admin(DATABASE)
        rounds["pipelined"] = pipelined(conn, scale.connections, scale)
        found = await interleave(rounds, scale.rounds)
        await conn.close()
    lines = [
        Line(f"slot {slot}", "/s", found[slot], found[f"bare {slot}"], UNGATED, aim) for slot, aim in SLOTS.items()
    ]
    lines += [
        Line(f"nothing asked, {slot}", "/s", found[f"rendered {slot}"], found[f"bare {slot}"], UNGATED)
        for slot in SLOTS
    ]
    for limit, what in (("bare answers", "the same body, only parsed"), ("pipelined", PIPELINED)):
        lines.append(Line("answers", "/s", found["answers"], found[limit], what))
    lines += [
        Line(what, "/s", found[f"{name} apart"], found[name], "the same in one process") for name, what in APART.items()
    ]
    told = [f"{name}: {count} were answered otherwise" for name, count in others.items()]
    return [Table(f"over HTTP, {scale.connections} connections", lines, [*NOTES, *told])]


class Side(NamedTuple):
    """What is asked, and what the right answer looks like."""

    requests: Iterator[bytes]
    expected: Expected


def _sides(people: Sequence[Person], bundle: Bundle, port: int) -> dict[str, Side]:
    sides: dict[str, Side] = {}
    for slot in SLOTS:
        asked = [request("GET", f"/v1/slots/{slot}", _browser(one, bundle)) for one in people]
        bare = [request("GET", f"/bench/slots/{slot}?who={_hash(one)}", _browser(one, bundle)) for one in people]
        least = [request("GET", f"/bench/rendered/{slot}", _browser(one, bundle)) for one in people[:1]]
        personal = Expected(b"200", b'data-personal="true"')
        sides[slot], sides[f"bare {slot}"] = Side(cycle(asked), personal), Side(cycle(bare), personal)
        sides[f"rendered {slot}"] = Side(cycle(least), personal)
    body, origin = msgspec.json.encode(yes_to_everything(bundle)), f"http://127.0.0.1:{port}"
    sides["answers"] = Side(answers_of_new_visitors("/v1/answers", origin, body), Expected(b"201", b'"receipt_id"'))
    sides["bare answers"] = Side(
        answers_of_new_visitors("/bench/answers", origin, body), Expected(b"201", b'"answers"')
    )
    return sides


def _browser(person: Person, bundle: Bundle) -> dict[str, str]:
    """Return what a browser sends that was here before."""
    notice = bundle.current_notice(next(iter(bundle.sites.values())).notice)
    chosen = choice.encode(bundle, choice.Choice(notice.name, frozenset(notice.purposes)))
    return {"Accept": "text/html", "Cookie": f"ecrm={person.token}; ecrm_choice={chosen}"}


def _hash(person: Person) -> str:
    return (person.caller.token_hash or b"").hex()


def answers_of_new_visitors(path: str, origin: str, body: bytes) -> Iterator[bytes]:
    """Yield the requests of ever new visitors who answer for the first time."""
    while True:
        headers = {"Content-Type": "application/json", "Origin": origin, "Idempotency-Key": str(uuid4())}
        yield request("POST", path, headers, body)


def _round(port: int, name: str, side: Side, scale: Scale, others: Counter[str]) -> Callable[[], Awaitable[float]]:
    async def measured() -> float:
        came = await ask(port, scale.connections, side.requests, side.expected, 2 * scale.round_s)
        others.update({name: came.others} if came.others else {})
        return came.per_s

    return measured
