"""The words of our pages, and how each language writes days, numbers and prices.

Promises: one form for house and shop (`catalogue`: a Fluent file per language, plural by the categories of the Unicode
CLDR); a text that a language lacks is said in English, and named by `ecrm words check`; templates get a plain dict.
What a language says of days, moments, numbers and prices (`writing`) is the CLDR's word, by Babel, read when a language
is first spoken and kept. Refuses: to know who reads, what is permitted, where a file of a policy lies.
"""
