"""`make bench`: every benchmark, or the one that is named, each figure beside its limit in the same run."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import uvloop

from tests.bench import answers, c15t, crowd, gate, growth, log, proofs, rewrap, script, seal, served
from tests.bench.ground import Ground, ground
from tests.bench.measure import FULL, Scale, Table, machine, show

BENCHMARKS: dict[str, Callable[[Ground, Scale], Awaitable[Sequence[Table]]]] = {
    "seal": seal.run,
    "gate": gate.run,
    "served": served.run,
    "answers": answers.run,
    "log": log.run,
    "proofs": proofs.run,
    "rewrap": rewrap.run,
    "script": script.run,
}
LONG: dict[str, Callable[[Ground, Scale], Awaitable[Sequence[Table]]]] = {
    "growth": growth.run,
    "crowd": crowd.run,
    "c15t": c15t.run,
}
"""Those that take longer than anybody waits for; they run when they are named (`make growth`, `make crowd`)."""


def main(name: str | None = None, scale: Scale = FULL) -> int:
    """Run and print `name`, or everything; returns the exit status."""
    known = BENCHMARKS | LONG
    if name is not None and name not in known:
        print(f"There is no benchmark {name!r}; there are {', '.join(known)}.")
        return 2
    started = time.monotonic()
    with ground() as made, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(machine(runner.run(_version(made))), flush=True)
        for chosen in [name] if name else BENCHMARKS:
            for table in runner.run(known[chosen](made, scale)):
                print(show(table), flush=True)
    print(f"\n{time.monotonic() - started:.0f} s in all")
    return 0


async def _version(made: Ground) -> str:
    conn = await made.admin("postgres")
    try:
        return str(await conn.fetchval("show server_version"))
    finally:
        await conn.close()
