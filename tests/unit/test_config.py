"""Settings from the environment, and those that may not be."""

import msgspec
import pytest

from ecrm_privacy.config import Config, read_config
from ecrm_privacy.errors import StartRefused

OPEN_TO_OTHERS = [
    {"ECRM_HOST": "0.0.0.0"},
    {"ECRM_HOST": "::"},
    {"ECRM_HOST": "192.168.1.5"},
    {"ECRM_BASE_URL": "https://shop.example"},
    {"ECRM_BASE_URL": "https://127.0.0.1.shop.example"},
    {"ECRM_BASE_URL": "shop.example"},
]
HERE_ALONE = [
    {},
    {"ECRM_HOST": "::1"},
    {"ECRM_HOST": "localhost"},
    {"ECRM_BASE_URL": "http://localhost:8000"},
    {"ECRM_BASE_URL": "https://[::1]:8443"},
]


@pytest.mark.parametrize("settings", OPEN_TO_OTHERS, ids=str)
def test_a_demo_is_not_open_to_others(settings: dict[str, str]) -> None:
    """Where anybody may sign in as any customer, only this machine may call; the refusal says what to unset."""
    assert not read_config(settings).demo
    with pytest.raises(StartRefused, match="unset ECRM_DEMO"):
        read_config({"ECRM_DEMO": "true", **settings})


@pytest.mark.parametrize("settings", HERE_ALONE, ids=str)
def test_a_demo_is_open_here(settings: dict[str, str]) -> None:
    """On loopback it starts."""
    assert read_config({"ECRM_DEMO": "true", **settings}).demo


def test_the_demo_verb_is_not_open_to_others_either() -> None:
    """However the configuration is made: `ecrm demo` turns the setting on after it was read."""

    config = Config(host="0.0.0.0")
    with pytest.raises(StartRefused):
        msgspec.structs.replace(config, demo=True)
