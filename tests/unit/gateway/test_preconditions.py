"""What a request's headers ask for: versions, what is known already, how long to wait."""

from __future__ import annotations

import pytest

from gateway.http.preconditions import unless_known, versions, wished_wait
from gateway.http.response import Response


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=5", 5),
        ("wait=0", 0),
        ('respond-async, WAIT = "7"', 7),
        ("wait=30", 30),
        ("wait=31", 30),
        ("wait=999999; foo=bar", 30),
        ("wait=1000000", None),
        ("wait=-1", None),
        ("await=5", None),
        ("wait=5s", None),
        ("", None),
    ],
)
def test_a_wished_wait_is_read_and_bounded(prefer: str, seconds: int | None) -> None:
    assert wished_wait(prefer) == seconds


def test_an_etag_of_up_to_eighteen_digits_is_a_version_and_nothing_else_is() -> None:
    assert versions(["7", "9" * 18, "9" * 19, "abc", "", "-1", "1.0", "12"]) == [7, int("9" * 18), 12]


def document(etag: str | None = "3") -> Response:
    return Response(b'{"a":1}', etag=etag, waited=4, headers=[("Link", "next")])


@pytest.mark.parametrize("tags", [None, [], ["2"], ["33"]])
def test_who_knows_another_one_gets_the_document_with_its_etag(tags: list[str] | None) -> None:
    response = unless_known(document(), tags)
    assert (response.body, response.status, response.etag) == (b'{"a":1}', None, "3")


@pytest.mark.parametrize("tags", [["3"], ["2", "3"], ["*"]])
def test_who_knows_it_gets_a_bare_304_that_keeps_what_else_was_said(tags: list[str]) -> None:
    response = unless_known(document(), tags)
    assert (response.body, response.status, response.etag) == (b"", 304, "3")
    assert (response.waited, response.headers) == (4, [("Link", "next")])


def test_a_document_without_a_version_has_an_etag_of_its_content() -> None:
    one, same, other = (unless_known(Response(body), None) for body in (b"a", b"a", b"b"))
    assert one.etag == same.etag != other.etag
    assert unless_known(Response(b"a"), [str(one.etag)]).status == 304
