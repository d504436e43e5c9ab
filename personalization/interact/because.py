"""What people read: titles of slots, why an item is there, prices and days; in English and German."""

from collections.abc import Mapping
from datetime import date

EN: Mapping[str, str] = {
    "purchase": "Because you bought {title}",
    "cart": "Because you put {title} in your basket",
    "view": "Because you looked at {title}",
    "seen": "Because you looked at it recently",
    "order": "Because you ordered it on {day}",
    "name": "Because you told us your name",
    "popular": "Popular with other customers",
    "selection": "From our selection, the same for everybody",
    "everybody": "The same for everybody",
    "for-you": "For you",
    "for-you/everybody": "Worth a look",
    "popular/everybody": "Popular in the shop",
    "history": "Your orders",
    "history/everybody": "More from the shop",
    "greeting": "Good to see you, {name}",
    "greeting/everybody": "Good to see you",
    "somebody": "a customer",
    "tagline": "Tea, ceramics, paper and tools for the garden",
    "said yes yes yes": "said yes to being remembered, to personal pages and to helping others",
    "said yes yes no": "said yes to being remembered and to personal pages, no to helping others",
    "said yes no no": "said yes to being remembered, no to personal pages",
    "said no yes no": "said yes to personal pages, no to being remembered",
    "said no no no": "said no to everything",
    "said": "has never answered",
}
DE: Mapping[str, str] = {
    "purchase": "Weil Sie {title} gekauft haben",
    "cart": "Weil Sie {title} in den Warenkorb gelegt haben",
    "view": "Weil Sie sich {title} angesehen haben",
    "seen": "Weil Sie es sich kürzlich angesehen haben",
    "order": "Weil Sie es am {day} bestellt haben",
    "name": "Weil Sie uns Ihren Namen gesagt haben",
    "popular": "Bei anderen beliebt",
    "selection": "Aus unserer Auswahl, für alle gleich",
    "everybody": "Für alle gleich",
    "for-you": "Für Sie",
    "for-you/everybody": "Einen Blick wert",
    "popular/everybody": "Beliebt im Laden",
    "history": "Ihre Bestellungen",
    "history/everybody": "Mehr aus dem Laden",
    "greeting": "Schön, Sie zu sehen, {name}",
    "greeting/everybody": "Schön, dass Sie da sind",
    "somebody": "jemand aus unserer Kundschaft",
    "tagline": "Tee, Keramik, Papier und Werkzeug für den Garten",
    "said yes yes yes": "hat ja gesagt: zum Erinnern, zu persönlichen Seiten und dazu, anderen zu helfen",
    "said yes yes no": "hat ja gesagt zum Erinnern und zu persönlichen Seiten, nein dazu, anderen zu helfen",
    "said yes no no": "hat ja gesagt zum Erinnern, nein zu persönlichen Seiten",
    "said no yes no": "hat ja gesagt zu persönlichen Seiten, nein zum Erinnern",
    "said no no no": "hat zu allem nein gesagt",
    "said": "hat noch nie geantwortet",
}
TEXTS = {"en": EN, "de": DE}
MONTHS = {
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
    "de": (
        "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
        "Dezember",
    ),
}  # fmt: skip
SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}
WHOLE = frozenset({"CLP", "ISK", "JPY", "KRW", "VND"})
"""Currencies without minor units (ISO 4217)."""
NARROW_SPACE = "\u202f"


def language(locale: str) -> str:
    """Return the language of `locale` that we speak; English otherwise."""
    spoken = locale.split("-", 1)[0].lower()
    return spoken if spoken in TEXTS else "en"


def text(key: str, locale: str, **parts: str) -> str:
    """Return a text by its key, filled; `parts` are values of ours, never a template."""
    return TEXTS[language(locale)][key].format(**parts)


def title(slot: str, locale: str, *, personal: bool, **parts: str) -> str:
    """Return the title of a slot, which promises nothing personal where nothing is."""
    return text(slot if personal else f"{slot}/everybody", locale, **parts)


def day(at: date, locale: str) -> str:
    """Return a day in words: 3 May 2026, 3. Mai 2026."""
    spoken = language(locale)
    month = MONTHS[spoken][at.month - 1]
    return f"{at.day}. {month} {at.year}" if spoken == "de" else f"{at.day} {month} {at.year}"


def price(amount_minor: int | None, currency: str | None, locale: str) -> str:
    """Return a price in words: €14.50, 14,50 €; nothing for none."""
    if amount_minor is None or currency is None:
        return ""
    number = f"{amount_minor:,}" if currency in WHOLE else f"{amount_minor / 100:,.2f}"
    if language(locale) == "de":
        number = number.translate(str.maketrans(",.", ".,"))
        return f"{number}{NARROW_SPACE}{SYMBOLS.get(currency, currency)}"
    symbol = SYMBOLS.get(currency)
    return f"{symbol}{number}" if symbol else f"{currency}{NARROW_SPACE}{number}"
