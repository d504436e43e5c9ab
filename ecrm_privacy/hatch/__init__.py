"""The hatch: how a process that renders asks the process that has the keys.

One Unix socket in a private folder, and over it frames of MessagePack, any number of questions under way at once. What
comes back are the values that pass the gate anyway: grants, what a page may know of a visitor, who holds an API key,
policy documents, and whole responses of the house's own calls. A subject, a key or a sealed value never passes.

While the house is away or does not answer, nobody waits for it: grants are empty, pages are everybody's, and what the
house would have to do is a 503. A request whose outcome is not known says so. A question is never answered with what
somebody else was told, and nothing is remembered: each `admit` is a question of its own, asked after it arrived.
"""
