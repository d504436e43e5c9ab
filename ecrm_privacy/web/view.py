"""My view: what somebody wants of the pages, said by themselves. What follows from it the guest shows."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from litestar import get, patch, post
from litestar.di import NamedDependency
from litestar.response import Redirect
from msgspec import UNSET, Meta, UnsetType

from ecrm_privacy.consent.profile import Profiles
from ecrm_privacy.errors import Malformed
from ecrm_privacy.gate.types import PREFERENCES, Caller, View
from ecrm_privacy.rights.desk import RightsDesk
from ecrm_privacy.web.forms import back, form
from ecrm_privacy.web.hallway import AnyRequest, Hallway, decode

NAMES_MOST = 100
"""How many items, and how many sections, somebody can have wishes about; of hidden items the newest are kept."""
PAUSES = {"hour": timedelta(hours=1), "month": timedelta(days=30), "over": None}

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^,\x00-\x1f]*[^,\s\x00-\x1f]$")]
"""An item or a section. Commas part what is kept, so there is none in a name."""


class ViewChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `PATCH /v1/view`: items to hide and to show again, weights of sections (0: as it comes), a pause."""

    hide: Annotated[tuple[Name, ...], Meta(max_length=NAMES_MOST)] = ()
    show: Annotated[tuple[Name, ...], Meta(max_length=NAMES_MOST)] = ()
    weight: Annotated[dict[Name, Annotated[int, Meta(ge=-2, le=2)]], Meta(max_length=NAMES_MOST)] = {}
    pause_until: Annotated[datetime, Meta(tz=True)] | UnsetType | None = UNSET


def changed(view: View, change: ViewChange) -> View:
    """Return `view` with `change`. Pure."""
    weight = {name: weight for name, weight in {**view.weight, **change.weight}.items() if weight}
    if len(weight) > NAMES_MOST:
        raise Malformed(f"`weight` of more than {NAMES_MOST} sections")
    hide = tuple(name for name in dict.fromkeys((*view.hide, *change.hide)) if name not in change.show)
    pause = view.pause_until if change.pause_until is UNSET else change.pause_until
    return View(hide[-NAMES_MOST:], weight, pause.astimezone(UTC) if pause else None)


async def _change(profiles: Profiles, caller: Caller, change: ViewChange) -> View:
    def said(stands: Mapping[str, str]) -> Mapping[str, str]:
        return changed(View.of(stands), change).fields()

    return View.of(await profiles.change(caller, PREFERENCES, said))


@get("/v1/view")
async def my_view(rights: NamedDependency[RightsDesk], caller: NamedDependency[Caller]) -> View:
    """What I want of the pages."""
    return View.of((await rights.profile(caller)).get(PREFERENCES, {}))


@patch("/v1/view")
async def change_view(
    request: AnyRequest, profiles: NamedDependency[Profiles], caller: NamedDependency[Caller]
) -> View:
    """Change it; the next page follows. Once and twice are the same, so it needs no key."""
    return await _change(profiles, caller, decode(await request.body(), ViewChange))


@post("/preferences/view", status_code=303)
async def wish(
    request: AnyRequest,
    profiles: NamedDependency[Profiles],
    hallway: NamedDependency[Hallway],
    caller: NamedDependency[Caller],
) -> Redirect:
    """The buttons of my view: `hide`, `show`, `weight` ("tea 1"), `pause` (hour, month, over)."""
    fields = form(await request.body())
    await _change(profiles, caller, _pressed(fields))
    return Redirect(back(fields.get("return_to", ""), hallway.site_origins()), status_code=303)


def _pressed(fields: Mapping[str, str]) -> ViewChange:
    said: dict[str, Any] = {name: (fields[name],) for name in ("hide", "show") if name in fields}
    if "weight" in fields:
        section, _, weight = fields["weight"].rpartition(" ")
        said["weight"] = {section: weight}
    if "pause" in fields:
        if fields["pause"] not in PAUSES:
            raise Malformed("`pause` is hour, month or over")
        lasts = PAUSES[fields["pause"]]
        said["pause_until"] = datetime.now(UTC) + lasts if lasts else None
    try:
        return msgspec.convert(said, ViewChange, strict=False)
    except msgspec.ValidationError:
        raise Malformed("The form names an item, or a section with a weight from -2 to 2") from None
