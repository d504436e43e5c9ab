"""Consent ledger, vault and gate: the privacy side of electronic customer relationship management."""

__version__ = "0.1.0"
