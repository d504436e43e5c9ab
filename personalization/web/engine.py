"""What the guest's handlers work with, and the words they share."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ecrm_privacy.policy.documents import Bundle
from ecrm_privacy.web.pages import Pages
from personalization.collect.events import Acquire, Intake
from personalization.interact.slots import Slots

PUBLIC_AGE_S = 10
"""How long a shared cache may keep what everybody gets; so long may it show what sold out."""
PERSONAL = {"Cache-Control": "private, no-store", "Vary": "Cookie, Sec-GPC, Accept, Accept-Language"}
PUBLIC = {"Cache-Control": f"public, max-age={PUBLIC_AGE_S}", "Vary": "Accept, Accept-Language"}


class Engine(msgspec.Struct, frozen=True):
    """The long-lived objects of the guest; a handler asks for it as `engine`."""

    slots: Slots
    intake: Intake
    acquire: Acquire
    pages: Pages
    bundle: Callable[[], Bundle]
    """The policy in force when this worker last looked."""
    sections: Callable[[], Awaitable[list[dict[str, str]]]]
    """The sections of the shop, for its frame."""
    panel: bool = False
    """Whether pages show what the gate released for them: the demo does."""


def names(bundle: Bundle, locale: str) -> dict[str, str]:
    """Return what people call the policy's categories and purposes."""
    documents: list[tuple[str, Any]] = [*bundle.categories.items(), *bundle.purposes.items()]
    return {name: document.texts[locale].name for name, document in documents if locale in document.texts}
