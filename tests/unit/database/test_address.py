"""Where a database is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecrm_privacy.database.address import Address, admin_of
from ecrm_privacy.errors import StartRefused


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://db.example/ecrm", Address("db.example", 5432, "ecrm")),
        ("postgres://ann:s%40cret@db.example:6000/ecrm", Address("db.example", 6000, "ecrm")),
        ("postgresql://a,b,c/ecrm", Address("a,b,c", 5432, "ecrm")),
        ("postgresql:///ecrm?host=/run/postgresql&port=5433", Address("/run/postgresql", 5433, "ecrm")),
        (
            "postgresql://db/ecrm?target_session_attrs=read-write&sslmode=verify-full",
            Address("db", 5432, "ecrm", (("sslmode", "verify-full"), ("target_session_attrs", "read-write"))),
        ),
    ],
)
def test_a_url_is_read(url: str, address: Address) -> None:
    """Host, port, database and TLS options come from the URL; who asks does not."""
    assert Address.from_url(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ecrm",
        "mysql://db/ecrm",
        "postgresql://db",
        "postgresql://db/",
        "postgresql://db:x/ecrm",
        "postgresql://db/e?fsync=off",
    ],
)
def test_another_url_is_refused(url: str) -> None:
    """What is not a database URL, or carries an option we do not know, stops the start."""
    with pytest.raises(StartRefused):
        Address.from_url(url)


@given(st.text(min_size=1))
def test_a_refusal_never_repeats_the_password(password: str) -> None:
    """A malformed URL is refused without being quoted."""
    with pytest.raises(StartRefused) as refused:
        Address.from_url(f"postgresql://ann:<<{password}>>@db:none/ecrm")
    assert "<<" not in str(refused.value)


def test_several_hosts_become_a_list() -> None:
    """Each host of a cluster is tried in turn, and a socket folder is one host whatever is in its name."""
    assert Address("a,b", 5432, "ecrm").connect_args("ecrm_house", "x")["host"] == ["a", "b"]
    assert Address("/tmp/a,b", 5432, "ecrm").connect_args("ecrm_house", "x")["host"] == ["/tmp/a,b"]


def test_the_admin_is_named_by_the_url() -> None:
    """Role and password of the URL are what `ecrm migrate` uses."""
    assert admin_of("postgresql://ann:s%40cret@db/ecrm") == ("ann", "s@cret")
    assert admin_of("postgresql://db/ecrm") is None
