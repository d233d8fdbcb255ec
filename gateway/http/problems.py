"""How the gateway says no: RFC 9457 problem documents, always in Korean and in English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from gateway.http.response import Response
from services.contracts.refusals import STALE

MEDIA_TYPE = "application/problem+json"


class Words(msgspec.Struct):
    """A title, and a detail that may name details in braces."""

    title: str
    detail: str = ""


class Entry(msgspec.Struct):
    """The status of a kind of refusal or of a problem, and its words in both languages."""

    status: int
    ko: Words
    en: Words


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """What problems.toml holds."""

    kinds: dict[str, Entry]
    by_code: dict[str, int]
    problems: dict[str, Entry]


TABLE = msgspec.toml.decode(Path(__file__).with_name("problems.toml").read_bytes(), type=Table)


class Problem(Exception):
    """A request that ends in a problem document; made from the code of one of the gateway's own problems.

    ``errors``: ``[{"in": "body"|"query"|"path"|"header", "pointer": "/items/0", "message": str}]``.
    """

    def __init__(
        self,
        code: str,
        *,
        details: Mapping[str, Any] | None = None,
        errors: Iterable[Mapping[str, str]] = (),
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        own, details = TABLE.problems[code], details or {}
        ko = Words(own.ko.title, own.ko.detail.format_map(details))
        en = Words(own.en.title, own.en.detail.format_map(details))
        self._fill(code, own.status, ko, en, details)
        self.errors += errors
        self.headers += headers

    def _fill(self, code: str, status: int, ko: Words, en: Words, details: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.code, self.status, self.ko, self.en, self.details = code, status, ko, en, details
        self.errors: list[Mapping[str, str]] = []
        self.headers: list[tuple[str, str]] = [("Retry-After", "1")] if status == 503 else []

    def response(self, request_id: str, accept_language: str | None) -> Response:
        """The problem document; ``title`` and ``detail`` speak the language that the client prefers."""
        language = preferred_language(accept_language)
        words = self.en if language == "en" else self.ko
        document: dict[str, Any] = {
            "type": f"/problems/{self.code}",
            "title": words.title,
            "status": self.status,
            "detail": words.detail,
            "code": self.code,
            "title_ko": self.ko.title,
            "detail_ko": self.ko.detail,
            "title_en": self.en.title,
            "detail_en": self.en.detail,
            "details": self.details,
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = self.errors
        headers = [("Content-Language", language), ("Vary", "Accept-Language"), *self.headers]
        return Response(msgspec.json.encode(document), status=self.status, media_type=MEDIA_TYPE, headers=headers)


class Refusal(Problem):
    """A service's refusal ``{code, kind, en, ko, details}``, in the service's own words.

    One because of another version (``stale``) names the present one as ``version``: it becomes the ETag.
    """

    def __init__(self, refused: Mapping[str, Any]) -> None:
        kind, code, details = TABLE.kinds[refused["kind"]], refused["code"], refused["details"]
        ko, en = Words(kind.ko.title, refused["ko"]), Words(kind.en.title, refused["en"])
        self._fill(code, TABLE.by_code.get(code, kind.status), ko, en, details)
        if refused["kind"] == STALE and "version" in details:
            self.headers.append(("ETag", f'"{details["version"]}"'))


def preferred_language(accept_language: str | None) -> str:
    """``ko`` or ``en``, whichever Accept-Language ranks higher; Korean when it says nothing of either."""
    wished = parse_accept_header(accept_language, LanguageAccept)
    return wished.best_match(("ko", "en"), default="ko")
