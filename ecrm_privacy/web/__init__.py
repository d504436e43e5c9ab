"""The hall: lets people in, and speaks HTTP so that no other room has to.

Promises: names and shapes of http.md; every failure is a problem document without a submitted value; what is personal
is never stored by anything between us and the person; every page works without scripts. Refuses: writes from foreign
pages, bodies beyond their limits. A crash means that a request was not answered; what it wrote is in the ledger or not.
"""
