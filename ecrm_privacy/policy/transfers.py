"""Whether data may go where its recipients are (GDPR 44 to 49)."""

from collections.abc import Iterator, Mapping

from ecrm_privacy.policy.documents import Bundle

EEA = frozenset(
    {
        "at", "be", "bg", "hr", "cy", "cz", "dk", "ee", "fi", "fr", "de", "gr", "hu", "ie", "it", "lv", "lt", "lu",
        "mt", "nl", "pl", "pt", "ro", "sk", "si", "es", "se", "is", "li", "no",
    }
)  # fmt: skip
"""The European Economic Area: no ground is needed within."""
ADEQUATE: Mapping[str, str] = {
    "ad": "", "ar": "", "br": "", "ch": "", "fo": "", "gb": "", "gg": "", "il": "", "im": "", "je": "", "jp": "",
    "kr": "", "nz": "", "uy": "",
    "ca": "covers commercial organisations under PIPEDA alone",
    "us": "covers companies on the list of the EU-US Data Privacy Framework alone",
}  # fmt: skip
"""Countries of which the Commission has decided that they protect data adequately (GDPR 45(3)), and what the decision
leaves out: eleven as reviewed in January 2024, Japan, Korea, the United Kingdom, the United States, and Brazil by
decision (EU) 2026/179 of 26 January 2026."""
OCCASIONAL = frozenset({"explicit_consent", "contract", "legal_claims"})
"""The derogations of GDPR 49(1)."""


def problems(bundle: Bundle) -> Iterator[str]:
    """Recipients to whom data may not go as it stands, as "file: key: what"."""
    for name, recipient in bundle.recipients.items():
        file = f"recipients/{name}.toml:"
        if not recipient.country:
            yield f"{file} country: missing: say where data goes (GDPR 13(1)(f), 30(1)(e))"
        elif recipient.country not in EEA:
            if not recipient.transfer:
                yield f"{file} transfer: missing: '{recipient.country}' is outside the EEA; on what ground (GDPR 44)?"
            if recipient.transfer == "adequacy" and recipient.country not in ADEQUATE:
                yield f"{file} transfer: there is no adequacy decision about '{recipient.country}' (GDPR 45(3))"
            if recipient.transfer and not recipient.sources:
                yield f"{file} sources: missing: where does the ground of the transfer stand (GDPR 45 to 49)?"


def warnings(bundle: Bundle) -> Iterator[str]:
    """Transfers whose ground holds only under conditions, as "file: key: what"."""
    for name, recipient in bundle.recipients.items():
        file = f"recipients/{name}.toml:"
        if recipient.country in EEA and recipient.transfer:
            yield f"{file} transfer: '{recipient.country}' is inside the EEA, where no ground is needed"
        elif recipient.transfer == "adequacy" and (but := ADEQUATE.get(recipient.country)):
            yield f"{file} transfer: the decision about '{recipient.country}' {but}"
        elif recipient.transfer in OCCASIONAL:
            yield f"{file} transfer: a derogation is for transfers that are not repeated (GDPR 49(1), recital 111)"
