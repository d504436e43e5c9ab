"""Moving in: what another tool kept of people's answers, said in our words.

`tools` reads what vanilla-cookieconsent, Klaro and c15t write, and tables that anybody can write; `mapping` is the file
that says which of their names is which of our rules; `answers` puts the two together. Nothing here is wider than what
was said: a no stays a no, what was not asked stays unknown, a yes that somebody else switched on is none, and of
several records of one person the newest counts. What is not mapped is named and dropped. A line that cannot be read may
have been a no: beside it no yes of the same person is taken.
"""
