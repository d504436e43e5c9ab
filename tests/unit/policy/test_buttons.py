"""Which pairs of buttons are equal, as people write them."""

import pytest

from ecrm_privacy.policy.buttons import unequal, unread
from tests.unit.policy.policies import bundle, tree


def found(locale: str, accept: str, refuse: str) -> list[str]:
    """What is said about two buttons, without the place."""
    changed = tree()
    texts = changed["notices"]["shop@1"]["texts"]
    texts[locale] = {**texts["en"], "accept": accept, "refuse": refuse}
    place = f"notices/shop@1.toml: texts.{locale}."
    return [line.removeprefix(place) for line in unequal(bundle(changed)) if line.startswith(place)]


@pytest.mark.parametrize(
    ("locale", "accept", "refuse"),
    [
        ("en", "Accept all", "Reject all"),
        ("en", "Accept all cookies", "Decline all cookies"),
        ("en", "Yes", "No"),
        ("en", "Yes, please", "No, thank you"),
        ("en", "Accept", "Don’t accept"),
        ("en", "I agree", "I disagree"),
        ("en-GB", "Allow all", "Refuse all"),
        ("de", "Alle akzeptieren", "Alle ablehnen"),
        ("de", "Ja", "Nein"),
        ("de", "Zustimmen", "Nicht zustimmen"),
        ("de-AT", "Alles erlauben", "Alles ablehnen"),
        ("fr", "Tout accepter", "Tout refuser"),
        ("es", "Aceptar todo", "Rechazar todo"),
        ("ru", "Принять все", "Отклонить все"),
        ("fa", "پذیرفتن همه", "رد همه"),
        ("ar", "قبول الكل", "رفض الكل"),
    ],
)
def test_a_plain_no_beside_a_plain_yes_is_equal(locale: str, accept: str, refuse: str) -> None:
    """The same kind of words, about the same thing, in about the same length."""
    assert found(locale, accept, refuse) == []


@pytest.mark.parametrize(
    ("locale", "accept", "refuse", "what"),
    [
        ("en", "Accept all", "Manage preferences", "refuse: does not say no"),
        ("en", "Accept all", "Only necessary", "refuse: does not say no"),
        ("en", "Accept all", "Continue without accepting", "refuse: 'continue' puts the answer off"),
        ("en", "Accept all", "No, I prefer a worse experience", "refuse: 'worse' makes a no sound wrong"),
        ("en", "Accept all", "Not now", "refuse: 'not now' puts the answer off"),
        ("en", "OK", "Refuse", "accept: does not say yes"),
        ("en", "Accept all", "Refuse", "refuse: one of the two buttons speaks of all"),
        (
            "en",
            "Accept",
            "Refuse everything that is not strictly necessary",
            "refuse: much longer than the other button",
        ),
        ("en", "Yes, accept it all and go on to the shop", "No", "accept: much longer than the other button"),
        ("en", "Accept!", "Refuse", "refuse: one of the two buttons has '!'"),
        ("de", "Alle akzeptieren", "Einstellungen", "refuse: does not say no"),
        ("de", "Alle akzeptieren", "Nein, auf Vorteile verzichten", "refuse: 'verzichten' makes a no sound wrong"),
        ("de", "Alle akzeptieren", "Ohne Zustimmung weiter", "refuse: 'weiter' puts the answer off"),
        ("fr", "Tout accepter", "Continuer sans accepter", "refuse: 'continuer' puts the answer off"),
        ("es", "Aceptar todo", "Configurar", "refuse: does not say no"),
        ("ru", "Принять всё", "Настроить", "refuse: 'настроить' puts the answer off"),
        ("fa", "پذیرش همه", "تنظیمات", "refuse: does not say no"),
        ("ar", "قبول الكل", "ليس الآن", "refuse: 'ليس الآن' puts the answer off"),
    ],
)
def test_a_refusal_that_is_made_harder_is_found(locale: str, accept: str, refuse: str, what: str) -> None:
    """Evading, shaming, hiding, lengthening: each has its sentence."""
    assert [line for line in found(locale, accept, refuse) if line.startswith(what)]


def test_a_language_that_nobody_reads_is_said() -> None:
    """In another language a length can be counted, and a person must read the words."""
    assert found("pt", "Aceitar tudo", "Recusar tudo") == []
    assert found("pt", "Sim", "Continuar sem aproveitar as vantagens") != []
    changed = tree()
    texts = changed["notices"]["shop@1"]["texts"]
    texts["pt"] = {**texts["en"], "accept": "Aceitar tudo", "refuse": "Recusar tudo"}
    (warning,) = unread(bundle(changed))
    assert warning.startswith("notices/shop@1.toml: texts.pt.refuse: this program does not read 'pt'")
