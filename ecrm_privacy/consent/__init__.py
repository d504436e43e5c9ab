"""The consent desk: the subject answers.

Promises: one answer is one leaf and one transaction; a no is always taken; a repeat gets the same reply; what is said
in one place by a known person counts everywhere. Refuses: a yes to a notice that nobody was shown, and any answer about
a purpose that the policy does not have. A crash before the commit means that nothing was said; after it, everything.
"""
