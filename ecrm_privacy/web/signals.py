"""What tags of a page read before anything else runs: Google Consent Mode v2 and IAB GPP, from the server's own state.

A shop puts `/signals.js` first, as an ordinary script: it blocks until it ran, holds no line that a strict page would
have to allow, and knows this visitor. Whoever cannot be looked up allows nothing.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from ecrm_privacy.consent.standing import PermissionRow
from ecrm_privacy.consent.visitor import Visitor, Visitors
from ecrm_privacy.errors import Unavailable
from ecrm_privacy.gate.types import Caller, Signals
from ecrm_privacy.vocabulary import YES
from ecrm_privacy.web import gpp
from ecrm_privacy.web.hallway import AnyRequest, Hallway
from ecrm_privacy.web.pages import STATIC

MODES: Final[Mapping[str, str]] = {
    "ad_storage": "advertise",
    "ad_user_data": "advertise",
    "ad_personalization": "advertise",
    "analytics_storage": "measure",
    "personalization_storage": "personalize",
}
"""Google's types by the purpose whose yes grants them."""
WAIT_MS = 500
"""How long Google's tags wait for an update where the default is only a guess."""
APIS = tuple(f"{section.number}:{section.name}" for section in gpp.SECTIONS)


class State(msgspec.Struct, frozen=True):
    """What the script is handed; `ready`: somebody could say what this visitor allows."""

    permissions: tuple[PermissionRow, ...]
    google: Mapping[str, str | int]
    gpp: gpp.Gpp
    apis: tuple[str, ...]
    ready: bool
    gpc_heard: bool = False


def consent_mode(rows: Iterable[PermissionRow], *, ready: bool = True) -> dict[str, str | int]:
    """Return the block for Google: only a yes that was said counts, on whatever ground a purpose else may stand."""
    said = {row.purpose for row in rows if row.allowed and row.status in YES and not row.channel and not row.recipient}
    granted = {mode: "granted" if purpose in said else "denied" for mode, purpose in MODES.items()}
    waiting = {} if ready else {"wait_for_update": WAIT_MS}
    return {**granted, "functionality_storage": "denied", "security_storage": "granted", **waiting}


@get("/signals.js")
async def signals_script(
    request: AnyRequest,
    hallway: NamedDependency[Hallway],
    visitors: NamedDependency[Visitors],
    caller: NamedDependency[Caller],
    signals: NamedDependency[Signals],
) -> Response[bytes]:
    """The script with this visitor's state; for a page of another site nobody is looked up, and so nothing allowed.

    There a cookie may be missing that says no, and a law that lets whoever said nothing would let them. The same where
    shops ask about different purposes and nothing says which of them the page is of.
    """
    bundle, visitor, ready = hallway.bundle, Visitor(hallway.bundle.hash, gpc=signals.gpc), False
    if request.headers.get("sec-fetch-site") != "cross-site" and hallway.tells_its_shop(request):
        with suppress(Unavailable):
            visitor, bundle = await visitors(caller, signals)
            ready = True
    law, rows = bundle.jurisdiction(hallway.region(request)), visitor.permissions
    told = gpp.told(bundle, law, rows, gpc=visitor.gpc)
    state = msgspec.json.encode(State(rows, consent_mode(rows, ready=ready), told, APIS, ready, visitor.gpc))
    vary = ("Cookie", *hallway.notice_varies_with)
    headers = {"Cross-Origin-Resource-Policy": "same-site", "Vary": ", ".join(vary)}
    return Response(rendered(state), media_type="text/javascript", headers=headers)


def rendered(state: bytes) -> bytes:
    """Return the script that hands itself this state (JSON)."""
    return EAGER + b"(" + CODE + b")(" + state + b");\n"


EAGER = b"//# allFunctionsCalledOnLoad\n"
"""A hint to Chromium: compile it while it comes in, beside the page's own work."""
CODE = (STATIC / "signals.js").read_bytes().rstrip().removesuffix(b";")
