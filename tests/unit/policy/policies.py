"""Policies for tests: the shipped one, the shipped one with a change, and many drawn ones."""

import tomllib
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ecrm_privacy.policy.check import UNOBJECTIONABLE
from ecrm_privacy.policy.documents import STRICT, Bundle
from ecrm_privacy.policy.load import FOLDERS, TABLES, canonical, from_documents, load
from ecrm_privacy.vocabulary import LegalBasis

FOLDER = Path(__file__).resolve().parents[3] / "policies"
SHIPPED = load(FOLDER)

Tree = dict[str, Any]


def tree() -> Tree:
    """The shipped policy in plain values, free to be changed."""
    return deepcopy(_TREE)


def bundle(changed: Tree) -> Bundle:
    """The bundle of a changed tree."""
    return from_documents(canonical(changed))


def before_the_laws() -> Tree:
    """The shipped policy as an older program stored it: four laws, without what was written about them since."""
    older = tree()
    older["jurisdictions"] = {
        name: {
            key: law[key]
            for key in ("regime", "age_of_consent_years", "answer_within", "extension", "ask_again_after_days")
        }
        for name, law in older["jurisdictions"].items()
        if name in {"eu", "uk", "us-ca", "default"}
    }
    for section in ("purposes", "categories", "recipients", "channels", "notices"):
        for document in older[section].values():
            for text in document["texts"].values():
                text.pop("of", None)
    older["recipients"] = {name: {"texts": document["texts"]} for name, document in older["recipients"].items()}
    older["channels"]["post"].pop("electronic")
    for purpose in older["purposes"].values():
        for key in ("opt_out", "opt_out_signal"):
            purpose[key] = [regime for regime in purpose.get(key, ()) if regime != "opt-out"]
    return older


@st.composite
def bundles(draw: st.DrawFn) -> Bundle:
    """The shipped policy with other grounds, regimes, opt-outs, signals and yes's of one's own."""
    return bundle(draw(trees()))


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """What `bundles` are made from."""
    drawn = tree()
    dropped = draw(st.sets(st.sampled_from(sorted({law.regime for law in SHIPPED.jurisdictions.values()} - {STRICT}))))
    drawn["jurisdictions"] = {name: law for name, law in drawn["jurisdictions"].items() if law["regime"] not in dropped}
    drawn["sites"]["demo"]["jurisdiction"] = draw(st.sampled_from(sorted(drawn["jurisdictions"])))
    regimes = sorted({law["regime"] for law in drawn["jurisdictions"].values()} - {STRICT})
    some_regimes = st.lists(st.sampled_from(regimes), unique=True) if regimes else st.just([])
    for purpose in drawn["purposes"].values():
        basis = draw(st.sampled_from(LegalBasis))
        own = [*purpose.get("channels", []), *purpose.get("recipients", [])]
        purpose |= {
            "basis": basis.value,
            "required": basis in UNOBJECTIONABLE and (basis is LegalBasis.LEGAL_OBLIGATION or draw(st.booleans())),
            "validity_days": 365,
            "own_yes": draw(st.lists(st.sampled_from(own), unique=True)) if own else [],
            "opt_out": draw(some_regimes) if basis is LegalBasis.CONSENT else [],
            "opt_out_signal": draw(some_regimes),
        }
    return drawn


def _plain(path: Path) -> Any:
    return tomllib.loads(path.read_text("utf-8"))


_TREE: Tree = {
    **{section: {path.stem: _plain(path) for path in (FOLDER / section).glob("*.toml")} for section in FOLDERS},
    **{section: _plain(FOLDER / f"{section}.toml") for section in TABLES},
}
