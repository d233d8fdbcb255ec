"""How the gateway says no: RFC 9457 problem documents, always in Korean and in English.

Two tables live here and nowhere else: the kind of a service's refusal -> HTTP status, and the gateway's own problems.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from gateway.answer import Answer
from services.contracts import refusals

MEDIA_TYPE = "application/problem+json"


class Words(NamedTuple):
    """A title, and a detail that may name facts in braces."""

    title: str
    detail: str


class Own(NamedTuple):
    """A problem that the gateway itself finds: its status and its words in both languages."""

    status: int
    ko: Words
    en: Words


# A service's refusal brings its own sentence; its kind decides the status and the title.
KINDS: Mapping[str, Own] = {
    refusals.INVALID: Own(400, Words("올바르지 않은 요청", ""), Words("The request is not valid", "")),
    refusals.NOT_FOUND: Own(404, Words("찾을 수 없음", ""), Words("Not found", "")),
    refusals.CONFLICT: Own(409, Words("현재 상태와 충돌", ""), Words("In conflict with the present state", "")),
    refusals.REFUSED: Own(422, Words("운영 규정에 따라 거절됨", ""), Words("Refused by the house rules", "")),
    refusals.UNAVAILABLE: Own(503, Words("지금은 처리할 수 없음", ""), Words("Not available now", "")),
}

# Refusals whose status is not the one of their kind.
BY_CODE: Mapping[str, int] = {"idempotency_key_reused": 422}

OWN: Mapping[str, Own] = {
    "malformed_json": Own(
        400,
        Words("JSON 형식 오류", "요청 본문을 JSON으로 읽을 수 없습니다: {reason}"),
        Words("Malformed JSON", "The body can't be read as JSON: {reason}"),
    ),
    "not_an_object": Own(
        400,
        Words("JSON 객체가 아님", "요청 본문은 JSON 객체여야 합니다. 예: {{}}"),
        Words("Not a JSON object", "The body has to be a JSON object, as {{}}."),
    ),
    "invalid_request": Own(
        400,
        Words("올바르지 않은 요청", "errors에 적힌 항목을 고쳐 다시 보내십시오."),
        Words("The request is not valid", "Correct what errors names, and send it again."),
    ),
    "bad_request": Own(
        400,
        Words("읽을 수 없는 요청", "HTTP 요청을 읽을 수 없습니다."),
        Words("Unreadable request", "The HTTP request can't be understood."),
    ),
    "idempotency_key_missing": Own(
        400,
        Words("Idempotency-Key 없음", "Idempotency-Key 헤더가 필요합니다. 다시 보낼 때는 같은 값을 쓰십시오."),
        Words("No Idempotency-Key", "This request needs the header Idempotency-Key; repeat it with the same value."),
    ),
    "idempotency_key_invalid": Own(
        400,
        Words("잘못된 Idempotency-Key", "Idempotency-Key는 1~255자의 인쇄 가능한 ASCII 문자여야 합니다."),
        Words("Bad Idempotency-Key", "An Idempotency-Key has 1 to 255 printable ASCII characters."),
    ),
    "token_missing": Own(
        401,
        Words("인증 필요", "Authorization: Bearer 토큰이 필요합니다."),
        Words("Authentication needed", "Send a token: Authorization: Bearer ..."),
    ),
    "token_invalid": Own(
        401,
        Words("잘못된 토큰", "토큰을 확인할 수 없습니다. 새 토큰을 받으십시오."),
        Words("Bad token", "The token can't be verified. Get a new one."),
    ),
    "token_expired": Own(
        401,
        Words("만료된 토큰", "토큰이 만료되었습니다. 새 토큰을 받으십시오."),
        Words("Expired token", "The token has expired. Get a new one."),
    ),
    "role_not_allowed": Own(
        403,
        Words("권한 없음", "{role} 역할은 이 요청을 할 수 없습니다. 필요한 역할: {roles}"),
        Words("Role not allowed", "The role {role} may not do this. It needs: {roles}."),
    ),
    "not_yours": Own(
        403,
        Words("본인 정보만 가능", "이용자는 본인의 정보만 볼 수 있습니다."),
        Words("Your own only", "A resident sees their own things only."),
    ),
    "other_centre": Own(
        403,
        Words("다른 센터", "토큰은 {centre} 센터에서만 쓸 수 있습니다."),
        Words("Another centre", "The token is good for the centre {centre} only."),
    ),
    "unknown_path": Own(
        404,
        Words("없는 주소", "이 주소에는 아무것도 없습니다. /docs에서 전체 목록을 볼 수 있습니다."),
        Words("No such path", "There is nothing at this address. /docs lists everything."),
    ),
    "not_found": Own(
        404,
        Words("찾을 수 없음", "{what}을(를) 찾을 수 없습니다."),
        Words("Not found", "There is no such {what}."),
    ),
    "method_not_allowed": Own(
        405,
        Words("허용되지 않는 메서드", "이 주소에서는 {allowed}만 쓸 수 있습니다."),
        Words("Method not allowed", "This address takes {allowed}."),
    ),
    "body_too_slow": Own(
        408,
        Words("본문 전송 시간 초과", "요청 본문이 {seconds}초 안에 도착하지 않았습니다."),
        Words("Body too slow", "The body did not arrive within {seconds} seconds."),
    ),
    "version_mismatch": Own(
        412,
        Words("그사이에 변경됨", "If-Match와 다릅니다. 현재 버전은 {version}입니다. 다시 읽고 보내십시오."),
        Words("Changed meanwhile", "If-Match differs: the version is {version} now. Read it again, then send."),
    ),
    "body_too_large": Own(
        413,
        Words("본문이 너무 큼", "요청 본문은 {limit}바이트까지 보낼 수 있습니다."),
        Words("Body too large", "A body may have {limit} bytes at most."),
    ),
    "wrong_content_type": Own(
        415,
        Words("지원하지 않는 형식", "Content-Type: application/json 으로 보내십시오."),
        Words("Wrong content type", "Send the body as Content-Type: application/json."),
    ),
    "internal_error": Own(
        500,
        Words("내부 오류", "처리 중 오류가 발생했습니다. request_id와 함께 운영자에게 알려 주십시오."),
        Words("Internal error", "Something broke on our side. Tell the operator the request_id."),
    ),
    "service_unavailable": Own(
        503,
        Words(
            "서비스 응답 없음",
            "{service} 서비스가 응답하지 않습니다. 변경 요청이었다면 처리 여부를 알 수 없습니다. "
            "같은 Idempotency-Key로 다시 보내면 한 번만 처리됩니다.",
        ),
        Words(
            "Service unavailable",
            "The service {service} does not answer. If you asked for a change, its outcome is unknown: "
            "send it again with the same Idempotency-Key, and it takes effect once.",
        ),
    ),
    "service_busy": Own(
        503,
        Words("요청이 너무 많음", "{service} 서비스의 대기열이 가득 차 처리하지 않았습니다. 잠시 뒤 다시 보내십시오."),
        Words("Too busy", "The queue of {service} is full. Nothing was done; send it again in a moment."),
    ),
}


class Problem(Exception):
    """A request that ends in a problem document; made from the code of one of the gateway's own problems.

    ``errors``: ``[{"in": "body"|"query"|"path"|"header", "pointer": "/items/0", "message": str}]``.
    """

    def __init__(
        self,
        code: str,
        *,
        facts: Mapping[str, Any] | None = None,
        errors: Iterable[Mapping[str, str]] = (),
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        own, facts = OWN[code], facts or {}
        ko = Words(own.ko.title, own.ko.detail.format_map(facts))
        en = Words(own.en.title, own.en.detail.format_map(facts))
        self._say(code, own.status, ko, en, facts)
        self.errors += errors
        self.headers += headers

    def _say(self, code: str, status: int, ko: Words, en: Words, facts: Mapping[str, Any]) -> None:
        super().__init__(code)
        self.code, self.status, self.ko, self.en, self.facts = code, status, ko, en, facts
        self.errors: list[Mapping[str, str]] = []
        self.headers: list[tuple[str, str]] = [("Retry-After", "1")] if status == 503 else []

    def answer(self, request_id: str, accept_language: str | None) -> Answer:
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
            "facts": self.facts,
            "request_id": request_id,
        }
        if self.errors:
            document["errors"] = self.errors
        headers = (("Content-Language", language), ("Vary", "Accept-Language"), *self.headers)
        return Answer(msgspec.json.encode(document), status=self.status, media_type=MEDIA_TYPE, headers=headers)


class Refusal(Problem):
    """A service's refusal ``{code, kind, en, ko, facts}``, in the service's own words."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        kind, code = KINDS[said["kind"]], said["code"]
        status = BY_CODE.get(code, kind.status)
        self._say(code, status, Words(kind.ko.title, said["ko"]), Words(kind.en.title, said["en"]), said["facts"])


_RANGE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*\Z")


def preferred_language(accept_language: str | None) -> str:
    """``ko`` or ``en``, whichever Accept-Language ranks higher; Korean when it says nothing of either."""
    rank = {"ko": 0.0, "en": 0.0}
    for part in (accept_language or "")[:200].split(","):
        found = _RANGE.match(part)
        if found and (name := found[1].lower()) in rank:
            rank[name] = max(rank[name], float(found[2] or 1))
    return "en" if rank["en"] > rank["ko"] else "ko"
