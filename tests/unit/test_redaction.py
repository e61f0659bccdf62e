"""Secrets stay out of text."""

import pytest

from cryoasync.redaction import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ada:secret@db:5432/lab", "postgresql://ada:***@db:5432/lab"),
        ("postgresql://ada:s@e/cret@db/lab is down", "postgresql://ada:***@db/lab is down"),
        ("http://:secret@proxy", "http://:***@proxy"),
        ("host=db password='two words' dbname=lab", "host=db password=*** dbname=lab"),
        ("https://db/lab?password=secret&sslmode=require", "https://db/lab?password=***&sslmode=require"),
        ("Token: secret", "Token: ***"),
    ],
)
def test_a_secret_is_replaced_and_the_rest_stays(text: str, expected: str) -> None:
    """Passwords of URLs and of keyword lists are masked, whatever characters they hold."""
    assert redact(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "https://pubchem.ncbi.nlm.nih.gov/rest/pug/compound/cid/2244",
        "http://localhost:8080/rest/pug refused the request of ada@example.org",
        "postgresql://ada@db/lab",
        "12:30 token bucket empty",
    ],
)
def test_text_without_a_secret_is_left_alone(text: str) -> None:
    """Ports, addresses and e-mail addresses are no secrets."""
    assert redact(text) == text
