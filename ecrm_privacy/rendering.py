"""The composition root of a process that only renders: a hall, its guests, and the way to the house."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from litestar import Litestar
from litestar.di import Provide

from ecrm_privacy import routes
from ecrm_privacy.config import Config
from ecrm_privacy.database.address import Address
from ecrm_privacy.database.pools import GUEST, Pool, open_pool
from ecrm_privacy.hall import Hall, furnish, repeating
from ecrm_privacy.hatch.asking import Hatch, documents, doors
from ecrm_privacy.hatch.division import Divided, Division
from ecrm_privacy.policy.shelf import Shelf
from ecrm_privacy.web.edges import Edges

PATIENCE_S = 10.0


class Front(msgspec.Struct, frozen=True):
    """A hall on its own: what it is made of, its way to the house, its database, and its application."""

    hall: Hall
    hatch: Hatch
    guest: Pool
    app: Edges


@asynccontextmanager
async def open_hall(config: Config, address: Address, socket: Path) -> AsyncIterator[Front]:
    """Open everything that a rendering worker needs, and close it again.

    Raises StartRefused when the house does not answer at `socket`.
    """
    async with Hatch(socket).open() as hatch:
        shelf = Shelf(partial(documents, hatch))
        await shelf.bundle(hatch.welcome.policy)
        guest = await open_pool(address, GUEST, hatch.welcome.guest_password, config.pool_size)
        try:
            hall = furnish(config, shelf, doors(hatch, shelf), guest)
            async with guest.acquire(timeout=PATIENCE_S):
                pass  # so that the first visitor does not wait
            async with repeating(hall.jobs, hall.frozen):
                yield Front(hall, hatch, guest, _build(hall, hatch))
        finally:
            await guest.close()


def _build(hall: Hall, hatch: Hatch) -> Edges:
    handlers = [*routes.OPEN, *routes.rendered(hall)]
    rendering = routes.application(handlers, routes.fields(hall), hall.hallway, None)
    asked = {*Hall.__struct_fields__, *routes.asked_for(routes.AT_THE_DOORS), *routes.PER_REQUEST}
    describing = Litestar(
        [*handlers, *routes.AT_THE_DOORS],
        dependencies={name: Provide(_nobody(), sync_to_thread=False) for name in asked},
        openapi_config=routes.described(hall),
        logging_config=None,
    )
    division = Division(hatch.welcome.paths)
    return routes.edged(Divided(division, hatch, rendering, describing), hall)


def _nobody() -> Any:
    def provide() -> None:
        """Nothing: what is only described is never called."""

    return provide
