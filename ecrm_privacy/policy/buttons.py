"""Whether refusing is as easy to read as accepting: the words on the buttons of a banner, language by language.

What the page does (same size, same colour weight, same number of clicks) is measured in a browser (`showroom`); what an
author writes is looked at here. Sources: EDPB Guidelines 03/2022 on deceptive design (stirring, obstructing, left in
the dark), the report of its Cookie Banner Taskforce of January 2023; CNIL, délibération 2020-092: refusing is as simple
as accepting.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from ecrm_privacy.policy.documents import Bundle, NoticeDocument, NoticeText

LONGER_MOST = 1.6
"""How many times as long as the other button's words a button's words may be,"""
LONGER_ANYWAY = 6
"""and by how many characters they may always be longer: a "don't", a "nicht"."""
WORDS_APART_MOST = 1


class Speech(msgspec.Struct, frozen=True):
    """How one language says yes, no and all; `shames` what makes a no sound wrong, `evades` what is no answer."""

    yes: tuple[str, ...]
    no: tuple[str, ...]
    all: tuple[str, ...]
    shames: tuple[str, ...]
    evades: tuple[str, ...]


SPEECH: Mapping[str, Speech] = {
    "en": Speech(
        yes=("accept", "allow", "agree", "permit", "yes"),
        no=("refuse", "reject", "decline", "deny", "disagree", "no", "not", "don't"),
        all=("all", "everything"),
        shames=(
            "thanks, i", "i don't", "i do not", "don't care", "do not care", "hate", "miss", "lose", "worse",
            "less relevant", "irrelevant", "boring", "limited", "without benefits", "anyway", "unfortunately", "sadly",
            "prefer not to save", "rather not", "risk",
        ),
        evades=("later", "not now", "settings", "options", "more", "manage", "close", "skip", "continue", "maybe"),
    ),
    "de": Speech(
        yes=("akzeptieren", "erlauben", "annehmen", "zustimmen", "zulassen", "einverstanden", "ja"),
        no=("ablehnen", "verweigern", "verbieten", "untersagen", "widersprechen", "nein", "nicht"),
        all=("alle", "alles", "allem", "allen"),
        shames=(
            "trotzdem", "verzichten", "verzichte", "leider", "schlechter", "eingeschränkt", "verpassen", "verpasse",
            "egal", "langweilig", "irrelevant", "weniger relevant", "ohne vorteile", "danke, ich", "lieber nicht",
            "risiko", "nachteile",
        ),
        evades=(
            "später", "jetzt nicht", "einstellungen", "optionen", "mehr", "verwalten", "schließen", "überspringen",
            "weiter", "fortfahren", "vielleicht",
        ),
    ),
    "fr": Speech(
        yes=(
            "accepter", "accepte", "autoriser", "autorise", "consentir", "d'accord", "oui", "permettre",
            "j'accepte", "j'autorise",
        ),
        no=(
            "refuser", "refuse", "rejeter", "rejette", "interdire", "décliner", "non", "pas", "je refuse",
            "ne pas", "sans accepter",
        ),
        all=("tout", "tous", "toutes"),
        shames=(
            "merci, je", "tant pis", "dommage", "malheureusement", "quand même", "malgré tout", "moins pertinent",
            "non pertinent", "ennuyeux", "limité", "limitée", "renoncer", "renonce", "perdre", "sans avantages",
            "risque", "hélas",
        ),
        evades=(
            "plus tard", "pas maintenant", "paramètres", "paramétrer", "options", "plus", "gérer", "fermer",
            "passer", "continuer", "peut-être", "personnaliser",
        ),
    ),
    "es": Speech(
        yes=("aceptar", "acepto", "permitir", "permito", "consentir", "autorizar", "de acuerdo", "sí"),
        no=("rechazar", "rechazo", "denegar", "prohibir", "negar", "no", "rehusar"),
        all=("todo", "todos", "todas"),
        shames=(
            "gracias, yo", "da igual", "lástima", "por desgracia", "lamentablemente", "de todos modos",
            "menos relevante", "irrelevante", "aburrido", "limitado", "limitada", "renunciar", "renuncio",
            "perder", "sin ventajas", "riesgo", "peor", "perderme",
        ),
        evades=(
            "más tarde", "ahora no", "ajustes", "configurar", "configuración", "opciones", "más", "gestionar",
            "cerrar", "omitir", "continuar", "quizás", "tal vez",
        ),
    ),
    "ru": Speech(
        yes=("принять", "принимаю", "разрешить", "разрешаю", "согласиться", "согласен", "согласна", "согласие", "да"),
        no=("отклонить", "отклоняю", "отказаться", "отказываюсь", "отказать", "запретить", "запрещаю", "нет", "не"),
        all=("всё", "все", "всех", "всем", "всего"),
        shames=(
            "спасибо, я", "всё равно", "к сожалению", "жаль", "хуже", "менее подходящ", "скучн", "ограничен",
            "упустить", "потерять", "лишиться", "риск", "скучно", "ограниченно",
        ),
        evades=(
            "позже", "потом", "не сейчас", "настройки", "настроить", "параметры", "больше", "подробнее",
            "управлять", "закрыть", "пропустить", "продолжить", "может быть", "возможно",
        ),
    ),
    "fa": Speech(
        yes=("پذیرش", "پذیرفتن", "می‌پذیرم", "قبول", "موافقم", "موافقت", "اجازه", "بله", "آری"),
        no=("رد", "نپذیرفتن", "نمی‌پذیرم", "مخالفم", "مخالفت", "نه", "خیر"),
        all=("همه", "همه‌چیز", "تمام", "همهٔ", "همه‌ی"),
        shames=(
            "متأسفانه", "با این حال", "به هر حال", "مهم نیست", "بدتر", "خسته‌کننده", "محدود", "از دست",
            "بدون مزایا", "خطر", "کسل‌کننده", "محروم", "حیف",
        ),
        evades=(
            "بعداً", "فعلاً", "حالا نه", "تنظیمات", "گزینه‌ها", "بیشتر", "مدیریت", "بستن", "رد شدن", "ادامه",
            "شاید", "بعدا",
        ),
    ),
    "ar": Speech(
        yes=("قبول", "أقبل", "موافق", "موافقة", "أوافق", "السماح", "سماح", "أسمح", "نعم", "الموافقة"),
        no=("رفض", "أرفض", "عدم", "أعترض", "لا", "الرفض"),
        all=("الكل", "كل", "الجميع", "جميع"),
        shames=(
            "للأسف", "مع ذلك", "على أي حال", "لا يهمني", "أسوأ", "ممل", "محدود", "محدودة", "أخسر", "أفقد",
            "دون مزايا", "خطر", "أقل صلة", "سأفوت", "خسارة",
        ),
        evades=(
            "لاحقًا", "ليس الآن", "الإعدادات", "إعدادات", "خيارات", "المزيد", "إدارة", "إغلاق", "تخطي", "متابعة",
            "ربما", "لاحقا",
        ),
    ),
}  # fmt: skip
"""The languages whose buttons can be read here; in others a person must."""


def unequal(bundle: Bundle) -> Iterator[str]:
    """Buttons by which a no is not as easy as a yes, as "file: key: what"."""
    for notice, locale, text in _shown(bundle):
        where = f"notices/{notice.name}.toml: texts.{locale}"
        yield from (f"{where}.{problem}" for problem in spoken(locale, text.accept, text.refuse))


def spoken(locale: str, accept: str, refuse: str) -> Iterator[str]:
    """What is unequal in the words of two buttons, as "button: what"; their words alone in a language not read here."""
    yield from _lengths(accept, refuse)
    if speech := SPEECH.get(locale.partition("-")[0]):
        yield from _words(accept, refuse, speech)


def unread(bundle: Bundle) -> Iterator[str]:
    """Buttons in languages that this program cannot read, as "file: key: what"."""
    for notice, locale, _ in _shown(bundle):
        if locale.partition("-")[0] not in SPEECH:
            yield (
                f"notices/{notice.name}.toml: texts.{locale}.refuse: this program does not read '{locale}': a person"
                " must see that refusing is as plain as accepting"
            )


def _shown(bundle: Bundle) -> Iterator[tuple[NoticeDocument, str, NoticeText]]:
    """What is asked now: the newest version of each notice that a site shows."""
    for name in sorted({site.notice for site in bundle.sites.values()}):
        notice = bundle.current_notice(name)
        yield from ((notice, locale, text) for locale, text in sorted(notice.texts.items()))


def _lengths(accept: str, refuse: str) -> Iterator[str]:
    shorter, longest = sorted((len(accept), len(refuse)))
    if longest > max(LONGER_MOST * shorter, shorter + LONGER_ANYWAY):
        longer = "refuse" if len(refuse) > len(accept) else "accept"
        sizes = f"{len(accept)} and {len(refuse)}"
        yield f"{longer}: much longer than the other button ({sizes} characters for accept and refuse)"
    elif abs(len(accept.split()) - len(refuse.split())) > WORDS_APART_MOST:
        yield "refuse: not as many words as accept; say both in the same way"
    for mark in "!?…":
        if (mark in accept) != (mark in refuse):
            yield f"refuse: one of the two buttons has '{mark}' and the other has not"


def _words(accept: str, refuse: str, speech: Speech) -> Iterator[str]:
    if not _has(accept, speech.yes):
        yield f"accept: does not say yes ({', '.join(speech.yes)})"
    if not _has(refuse, speech.no):
        yield f"refuse: does not say no ({', '.join(speech.no)})"
    for word in _found(refuse, speech.shames):
        yield f"refuse: '{word}' makes a no sound wrong"
    for word in _found(refuse, speech.evades):
        yield f"refuse: '{word}' puts the answer off instead of giving it"
    if _has(accept, speech.all) != _has(refuse, speech.all):
        yield "refuse: one of the two buttons speaks of all and the other does not"


def _has(said: str, words: tuple[str, ...]) -> bool:
    return any(True for _ in _found(said, words))


def _found(said: str, words: tuple[str, ...]) -> Iterator[str]:
    plain = said.casefold().replace("’", "'")
    return (word for word in words if re.search(rf"\b{re.escape(word)}\b", plain))
