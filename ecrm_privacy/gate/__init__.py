"""The gate: who asks, for which slot, and what may be opened. The guest imports `gate.types` and nothing else of it."""
