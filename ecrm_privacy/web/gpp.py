"""IAB Global Privacy Platform 1.1: what a visitor of the United States allows, as the string that other tags read.

Pure. A section is a list of small numbers in the order of its specification; the layouts are those of IAB Tech Lab's
own library (`@iabgpp/cmpapi` 3.2.0), and the strings equal its strings byte for byte. We speak for ourselves alone: no
MSPA, no sensitive data, no vendor.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ecrm_privacy.consent.standing import PermissionRow
from ecrm_privacy.policy.documents import Bundle, JurisdictionDocument, PurposeDocument

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HEADER_ID, HEADER_VERSION = 3, 1
GPC_SEGMENT = 1
ADVERTISING: Final = frozenset({"dpv:TargetedAdvertising", "dpv:PersonalisedAdvertising", "dpv:Advertising"})
GIVEN, NOT_APPLICABLE = 1, 0
OPTED_OUT, DID_NOT = 1, 2
NO_SIGNATORY = 2
"""`MspaCoveredTransaction` has no zero; 2 is a transaction that the MSPA does not cover."""

Value = int | bool | tuple[int, ...]


class Section(msgspec.Struct, frozen=True):
    """A section: its number, version, fields in order (`*9`: a list of nine), and what its second segment holds."""

    number: int
    name: str
    fields: str
    second: str = "gpc"
    version: int = 1
    version_field: str = "Version"


_SALE = "SaleOptOutNotice TargetedAdvertisingOptOutNotice"
_OPTED = "SaleOptOut TargetedAdvertisingOptOut"
_MSPA = "MspaCoveredTransaction MspaOptOutOptionMode MspaServiceProviderMode"
_MORE = f"AdditionalDataProcessingConsent {_MSPA}"
_CHILD = "KnownChildSensitiveDataConsents"
_SENSITIVE = "SensitiveDataProcessing"
_PROCESSING = f"ProcessingNotice {_SALE} {_OPTED} {_SENSITIVE}"
_SHARING = f"SharingNotice {_SALE} {_OPTED} {_SENSITIVE}"
_GPC = "Gpc"
_NEWER = f"MspaCoveredTransaction MspaMode ProcessingNotice {_SALE} {_OPTED}"
_NEWER_STATES = f"{_NEWER} {_CHILD} AdditionalDataProcessingConsent"

SECTIONS: Final = (
    Section(
        7, "usnat",
        "SharingNotice SaleOptOutNotice SharingOptOutNotice TargetedAdvertisingOptOutNotice "
        "SensitiveDataProcessingOptOutNotice SensitiveDataLimitUseNotice SaleOptOut SharingOptOut "
        f"TargetedAdvertisingOptOut {_SENSITIVE}*16 {_CHILD}*3 PersonalDataConsents {_MSPA}",
        version=2,
    ),
    Section(
        8, "usca",
        "SaleOptOutNotice SharingOptOutNotice SensitiveDataLimitUseNotice SaleOptOut SharingOptOut "
        f"{_SENSITIVE}*9 {_CHILD}*2 PersonalDataConsents {_MSPA}",
    ),
    Section(9, "usva", f"{_SHARING}*8 {_CHILD} {_MSPA}", ""),
    Section(10, "usco", f"{_SHARING}*7 {_CHILD} {_MSPA}"),
    Section(
        11, "usut",
        f"SharingNotice {_SALE} SensitiveDataProcessingOptOutNotice {_OPTED} {_SENSITIVE}*8 {_CHILD} {_MSPA}", "",
    ),
    Section(12, "usct", f"{_SHARING}*8 {_CHILD}*3 {_MSPA}"),
    Section(13, "usfl", f"{_PROCESSING}*8 {_CHILD}*3 {_MORE}", ""),
    Section(14, "usmt", f"{_SHARING}*8 {_CHILD}*3 {_MORE}"),
    Section(15, "usor", f"{_PROCESSING}*11 {_CHILD}*3 {_MORE}"),
    Section(16, "ustx", f"{_PROCESSING}*8 {_CHILD} {_MORE}"),
    Section(17, "usde", f"{_PROCESSING}*9 {_CHILD}*5 {_MORE}"),
    Section(
        18, "usia", f"ProcessingNotice {_SALE} SensitiveDataOptOutNotice {_OPTED} {_SENSITIVE}*8 {_CHILD} {_MSPA}"
    ),
    Section(19, "usne", f"{_PROCESSING}*8 {_CHILD} {_MORE}"),
    Section(20, "usnh", f"{_PROCESSING}*8 {_CHILD}*3 {_MORE}"),
    Section(21, "usnj", f"{_PROCESSING}*10 {_CHILD}*5 {_MORE}"),
    Section(22, "ustn", f"{_PROCESSING}*8 {_CHILD} {_MORE}"),
    Section(23, "usmn", f"{_PROCESSING}*8 {_CHILD} {_MORE}"),
    Section(24, "usmd", f"{_NEWER} AdditionalDataProcessingConsent", version_field="MspaVersion"),
    Section(25, "usin", _NEWER_STATES, "sensitive", version_field="MspaVersion"),
    Section(26, "usky", _NEWER_STATES, "sensitive", version_field="MspaVersion"),
    Section(27, "usri", _NEWER_STATES, "sensitive", version_field="MspaVersion"),
)  # fmt: skip
BY_NAME: Final[Mapping[str, Section]] = {section.name: section for section in SECTIONS}


class Gpp(msgspec.Struct, frozen=True, rename="camel"):
    """What `__gpp` tells of a visitor, in the standard's own names; nothing applies outside the United States."""

    gpp_string: str
    section_list: tuple[int, ...]
    applicable_sections: tuple[int, ...]
    parsed_sections: Mapping[str, Mapping[str, Any]]


def encode(sections: Mapping[str, Mapping[str, Value]]) -> str:
    """Return the GPP string of `sections` (name → fields that differ from zero)."""
    chosen = sorted((BY_NAME[name] for name in sections), key=lambda section: section.number)
    parts = [_base64(_header([section.number for section in chosen]))]
    parts += [_section(section, sections[section.name]) for section in chosen]
    return "~".join(parts)


def section_of(law: str) -> Section | None:
    """Return the section of a law of the policy: `us-ca` has its own, `us` the national one, others have none."""
    country, _, state = law.partition("-")
    return BY_NAME.get(f"us{state or 'nat'}") if country == "us" else None


def told(bundle: Bundle, law: JurisdictionDocument, rows: Iterable[PermissionRow], *, gpc: bool) -> Gpp:
    """Return what a visitor under `law` tells: whoever did not allow a sale has opted out of it, answered or not."""
    section = section_of(law.name)
    if section is None:
        return Gpp(encode({}), (), (-1,), {})
    fields = parsed(section, _said(bundle, law, rows, gpc=gpc))
    return Gpp(encode({section.name: fields}), (section.number,), (section.number,), {section.name: fields})


def _said(bundle: Bundle, law: JurisdictionDocument, rows: Iterable[PermissionRow], *, gpc: bool) -> dict[str, Value]:
    """The fields that say something, for every section; one that lacks a field leaves it out."""
    allowed = {row.purpose for row in rows if row.allowed and not row.channel and not row.recipient}
    marked = [purpose for purpose in bundle.purposes.values() if law.regime in purpose.opt_out_signal]
    sale = _opted([purpose for purpose in marked if purpose.recipients], allowed)
    adverts = _opted([purpose for purpose in marked if purpose.dpv in ADVERTISING], allowed)
    notice = GIVEN if sale or adverts else NOT_APPLICABLE
    return {
        "SharingNotice": notice,
        "ProcessingNotice": notice,
        "SaleOptOutNotice": GIVEN if sale else NOT_APPLICABLE,
        "SharingOptOutNotice": GIVEN if adverts else NOT_APPLICABLE,
        "TargetedAdvertisingOptOutNotice": GIVEN if adverts else NOT_APPLICABLE,
        "SaleOptOut": sale,
        "SharingOptOut": adverts,
        "TargetedAdvertisingOptOut": adverts,
        "MspaCoveredTransaction": NO_SIGNATORY,
        _GPC: gpc,
    }


def _opted(purposes: Sequence[PurposeDocument], allowed: Iterable[str]) -> int:
    """Whether one of these is closed. It is one answer for all of them, so that the strictest is told."""
    if not purposes:
        return NOT_APPLICABLE
    return DID_NOT if {purpose.name for purpose in purposes} <= set(allowed) else OPTED_OUT


def parsed(section: Section, said: Mapping[str, Value]) -> dict[str, Value]:
    """Return every field of `section` in order, with what was `said` and zero elsewhere."""
    fields: dict[str, Value] = {section.version_field: section.version}
    for name, count in _counted(section.fields):
        fields[name] = said.get(name, (0,) * count if count else 0)
    if section.second == "gpc":
        fields |= {"GpcSegmentType": GPC_SEGMENT, _GPC: bool(said.get(_GPC))}
    elif section.second == "sensitive":
        fields[_SENSITIVE] = said.get(_SENSITIVE, (0,) * 8)
    return fields


def _counted(fields: str) -> list[tuple[str, int]]:
    """Names with the length of their list, 0 for one number."""
    return [(name, int(count or 0)) for name, _, count in (word.partition("*") for word in fields.split())]


def _section(section: Section, said: Mapping[str, Value]) -> str:
    fields = parsed(section, {"MspaCoveredTransaction": 1, **said})
    core = f"{section.version:06b}" + "".join(_twos(fields[name]) for name, _ in _counted(section.fields))
    if section.second == "gpc":
        return f"{_base64(core)}.{_base64(f'{GPC_SEGMENT:02b}{fields[_GPC]:b}')}"
    if section.second == "sensitive":
        return f"{_base64(core)}.{_base64(_twos(fields[_SENSITIVE]))}"
    return _base64(core)


def _twos(value: Value) -> str:
    """Numbers from 0 to 3, two bits each."""
    return "".join(f"{each:02b}" for each in ((value,) if isinstance(value, int) else value))


def _header(numbers: Sequence[int]) -> str:
    """The header: its type and version, and the sections as ranges whose ends are told by their distance."""
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    bits, before = f"{HEADER_ID:06b}{HEADER_VERSION:06b}{len(groups):012b}", 0
    for group in groups:
        ends = group[:1] if len(group) == 1 else [group[0], group[-1]]
        bits += f"{len(ends) - 1:b}"
        for end in ends:
            bits += fibonacci(end - before)
            before = end
    return bits


def fibonacci(number: int) -> str:
    """Return a positive number in Fibonacci coding: its Zeckendorf parts from the smallest on, and a last 1."""
    parts = [1, 2]
    while parts[-1] <= number:
        parts.append(parts[-1] + parts[-2])
    bits = ""
    for part in reversed(parts):
        if part <= number:
            number -= part
            bits = "1" + bits
        elif bits:
            bits = "0" + bits
    return bits + "1"


def _base64(bits: str) -> str:
    """Bits as text; padded to whole bytes and then to whole letters, as the library does it."""
    bits += "0" * (-len(bits) % 8)
    bits += "0" * (-len(bits) % 6)
    return "".join(ALPHABET[int(bits[at : at + 6], 2)] for at in range(0, len(bits), 6))
