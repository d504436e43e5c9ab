"""The log as it grows: the same answers and receipts over HTTP in a log of a thousand entries, and of a million."""

from collections.abc import Awaitable, Callable, Iterator
from itertools import cycle

import msgspec

from ecrm_privacy import shipped
from ecrm_privacy.errors import Failure
from ecrm_privacy.policy.load import load
from tests.bench import proofs
from tests.bench.answers import changes_of, entries, yes_to_everything
from tests.bench.asking import Expected, ask, request
from tests.bench.ground import Ground, service
from tests.bench.measure import Line, Scale, Table, interleave
from tests.bench.served import answers_of_new_visitors

AT_ONCE = 512
NOTES = (
    "both services run at the same time, each with a database of its own, and are asked in turn;",
    "the entries that make the log long have random bytes for bodies, and status rows for six purposes each",
)


async def run(ground: Ground, scale: Scale) -> list[Table]:
    """Measure answers and checkpoints in a short log beside those in a long one."""
    sizes = {"bench_short": 0, "bench_long": scale.long}
    for name, size in sizes.items():
        await ground.make(name)
        await fill(ground, name, size)
    body = msgspec.json.encode(yes_to_everything(load(shipped.policies())))
    with service(ground, "bench_short") as short, service(ground, "bench_long") as long:
        sides: dict[str, Callable[[], Awaitable[float]]] = {}
        for name, port in (("short", short), ("long", long)):
            fresh = answers_of_new_visitors("/v1/answers", f"http://127.0.0.1:{port}", body)
            sides[f"answers, {name}"] = _asked(port, fresh, Expected(b"201", b'"receipt_id"'), scale)
            public = cycle([request("GET", "/ledger/checkpoint", {})])
            sides[f"checkpoints, {name}"] = _asked(port, public, Expected(b"200", b"ecrm\n"), scale)
        found = await interleave(sides, scale.rounds)
    lines = [
        Line(f"{what}, {scale.long:,} entries", "/s", found[f"{what}, long"], found[f"{what}, short"], "empty log", aim)
        for what, aim in (("answers", "≥ 0.8"), ("checkpoints", ""))
    ]
    return [Table("over HTTP, as the log grows", lines, NOTES), await proofs.of_many(ground, scale)]


def _asked(port: int, requests: Iterator[bytes], expected: Expected, scale: Scale) -> Callable[[], Awaitable[float]]:
    async def measured() -> float:
        return (await ask(port, scale.connections, requests, expected, 2 * scale.round_s)).per_s

    return measured


async def fill(ground: Ground, database: str, size: int) -> None:
    """Append `size` entries with random bytes for bodies, and status rows for six purposes each."""
    async with ground.house(database) as house:
        changes = changes_of(house)[:6]
        for done in range(0, size, AT_ONCE):
            for outcome in await house.writer.append(entries(changes, min(AT_ONCE, size - done))):
                if isinstance(outcome, Failure):
                    raise outcome
    conn = await ground.admin(database)
    await conn.execute("vacuum analyze")
    await conn.close()
