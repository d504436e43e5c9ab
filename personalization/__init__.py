"""The guest: collect, aggregate, interact, with what the gate hands over.

Promises: behaviour is kept under pseudonyms and only where the gate opened the event; a shared model holds exactly
those who contribute to it now, and forgetting one of them leaves what never having met them would have left; each
personal item says what made it appear. Refuses: a subject, a key, a customer number; they never come in here. There is
no "if consented": without permission there is no pseudonym, and without a pseudonym nothing to read. A crash loses
nothing acknowledged, and every job may run twice.
"""
