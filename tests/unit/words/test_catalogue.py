"""Catalogues: what is missing, strange or stale is named, key by key; what a language lacks is said in English."""

from pathlib import Path

import pytest

from ecrm_privacy.web.texts import TEXTS
from ecrm_privacy.words.catalogue import Catalogues, counted, filled, findings, vouch

ENGLISH = """
dir = ltr
hello = Hello, { $name }
bye = Good-bye
seen = { $count ->
    [one] once
   *[other] { $number } times
}
"""
RUSSIAN = """
dir = ltr
hello = Здравствуйте, { $name }
bye = До свидания
seen = { $count ->
    [one] { $number } раз
    [few] { $number } раза
    [many] { $number } раз
   *[other] { $number } раза
}
"""


def _made(folder: Path, **texts: str) -> Catalogues:
    for locale, text in texts.items():
        (folder / f"{locale}.ftl").write_text(text, "utf-8")
    return Catalogues(folder)


def test_a_whole_catalogue_has_no_findings(tmp_path: Path) -> None:
    """A translation that somebody vouched for is as good as the first language."""
    made = _made(tmp_path, en=ENGLISH, ru=RUSSIAN)
    assert set(vouch(made, "ru")) == {"hello", "bye", "seen"}
    assert list(findings(made)) == []


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("bye = До свидания", "", "bye: missing"),
        ("bye = До свидания", "bye = До свидания\nmore = Ещё", "more: not in en.ftl"),
        ("bye = До свидания", "bye =", "line 4: not Fluent: Expected message \"bye\" to have a value or attributes"),
        ("bye = До свидания", "bye =", "bye: missing"),
        ("bye = До свидания", "bye = До свидания\nbye = Пока", "bye: said twice: the first one counts"),
        ("bye = До свидания", "bye = До { -when }", "bye: Fluent cannot fill it"),
        ("dir = ltr", "dir = rtl", "dir: this language is written 'ltr'"),
        (", { $name }", "", "hello: does not fill in name"),
        ("{ $name }", "{ $nom }", "hello: fills in what English does not"),
        ("    [few] { $number } раза\n", "", "seen.few: missing"),
        ("[few]", "[two]", "seen.two: 'ru' does not count so"),
        ("bye = До свидания", "bye = { $count ->\n   *[one] До свидания\n}", "bye: one text, no choice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, named: str) -> None:
    """The finding has the file and the key."""
    made = _made(tmp_path, en=ENGLISH, ru=RUSSIAN.replace(old, new))
    vouch(made, "ru")
    assert f"{made.named_file('ru')}: {named}" in list(findings(made))


def test_a_translation_grows_stale(tmp_path: Path) -> None:
    """When English changes, its translation is stale until somebody read it again; one that nobody read is, too."""
    made = _made(tmp_path, en=ENGLISH, ru=RUSSIAN)
    assert [line.split(": ")[1:4] for line in findings(made)][:1] == [
        ["hello", "stale", "nobody vouched for it; read it, then `ecrm words vouch ru hello`"]
    ]
    vouch(made, "ru")
    made = _made(tmp_path, en=ENGLISH.replace("Good-bye", "Farewell"))
    assert [line.partition("; ")[0] for line in findings(made)] == [
        f"{made.named_file('ru')}: bye: stale: en.ftl has changed"
    ]
    assert vouch(made, "ru", frozenset({"hello"})) == []
    assert vouch(made, "ru", frozenset({"bye"})) == ["bye"]
    assert list(findings(made)) == []


def test_what_a_language_lacks_is_said_in_english(tmp_path: Path) -> None:
    """A page is whole in any case; a region finds its language, an unknown language English."""
    made = _made(tmp_path, en=ENGLISH, ru="dir = ltr\nbye = До свидания")
    words = made.of("ru-BY")
    assert (words["bye"], words["hello"], words["locale"]) == ("До свидания", "Hello, {name}", "ru")
    assert type(words) is dict and made.of("tlh") is made["en"]


def test_an_operator_adds_a_language(tmp_path: Path) -> None:
    """A folder beside ours brings further languages, and its files count before ours."""
    (tmp_path / "own").mkdir()
    made = _made(tmp_path, en=ENGLISH, ru=RUSSIAN)
    assert made.of("pt")["bye"] == "Good-bye"
    _made(tmp_path / "own", pt="dir = ltr\nbye = Adeus", ru=RUSSIAN.replace("До свидания", "Пока"))
    made.beside(tmp_path / "own")
    assert (made.of("pt-BR")["bye"], made.of("ru")["bye"]) == ("Adeus", "Пока")
    assert f"{tmp_path.name}/own/pt.ftl: hello: missing" in set(findings(made))


def test_counting(tmp_path: Path) -> None:
    """A number takes the form of its plural category, and its own digits."""
    made = _made(tmp_path, en=ENGLISH, ru=RUSSIAN, fa="dir = rtl\nseen = { $count ->\n   *[other] { $number } بار\n}")
    assert [counted(made["ru"], "seen", n) for n in (1, 3, 5, 21)] == ["1 раз", "3 раза", "5 раз", "21 раз"]
    assert (counted(made["en"], "seen", 1), counted(made["en"], "seen", 1234)) == ("once", "1,234 times")
    assert counted(made["fa"], "seen", 12) == "۱۲ بار"
    forms = [counted(TEXTS["ar"], "used_times", n) for n in (0, 1, 2, 3, 11, 100)]
    assert forms == ["ولا مرة", "مرة واحدة", "مرتان", "3 مرات", "11 مرة", "100 مرة"]


def test_a_text_says_another(tmp_path: Path) -> None:
    """A name that a language bends is written down once, as Fluent has it; a page still gets a text."""
    made = _made(tmp_path, en="dir = ltr\nshop = { -shop }\nfrom = From { -shop } for { $name }\n-shop = Tea & Clay")
    assert made["en"]["shop"] == "Tea & Clay"
    assert made["en"]["from"] == "From Tea & Clay for {name}"
    assert filled(made["en"], "from", name="Ada {x}") == "From Tea & Clay for Ada {x}"


def test_what_runs_the_other_way_is_isolated(tmp_path: Path) -> None:
    """A name in another direction is fenced in by isolates (UAX 9), one in the same direction stays as it is."""
    made = _made(tmp_path, en=ENGLISH, fa="dir = rtl\nhello = سلام { $name }")
    assert filled(made["fa"], "hello", name="Ada") == "سلام \u2068Ada\u2069"
    assert filled(made["fa"], "hello", name="آدا") == "سلام آدا"
    assert filled(made["en"], "hello", name="آدا") == "Hello, \u2068آدا\u2069"
    assert filled(made["en"], "hello", name="Ada {x}") == "Hello, Ada {x}"
