"""The stage shows what the service shows, with the same templates: whatever they ask for is there."""

import pytest

from ecrm_privacy.policy.load import load
from ecrm_privacy.showroom.stage import Request, Scene, Stage
from tests.conftest import CHECKOUT

STAGE = Stage(load(CHECKOUT / "policies"))


@pytest.mark.parametrize("scene", STAGE.scenes(), ids=lambda scene: scene.locale)
@pytest.mark.parametrize("path", ["/preferences?", "/banner?", "/banner?form=form&", "/theme.css?", "/v1/notice?"])
def test_every_page_is_shown_in_every_language(path: str, scene: Scene) -> None:
    """Banner, form, preferences page and what they fetch are rendered, in the language that was asked for."""
    reply = STAGE.reply(Request("GET", f"{path}site={scene.site}&locale={scene.locale}"))
    assert reply.status == 200
    if path.startswith(("/preferences", "/v1/notice")):
        assert STAGE.bundle.purposes["remember"].texts[scene.locale].name in reply.body.decode()
