"""Taking back: what the service commands itself, and every reason to say no."""

from services.chassis.domain import Refused, command
from services.contracts import refusals

# -- commands of the service itself --


@command
class MarkOverdue:
    """The due day is over."""

    rental_id: str


@command
class ReleaseItem:
    """An item that came back from a rental is ready again."""

    item_id: str
    rental_id: str


# -- refusals --


class RentalNotOut(Refused):
    """Rental {rental_id} is {state}; only a rental that is out can be returned."""

    kind = refusals.CONFLICT
    ko = "대여 {rental_id}의 상태는 {state}입니다. 대여 중인 건만 반납할 수 있습니다."


class ItemNotInRental(Refused):
    """Item {barcode} does not belong to rental {rental_id}; scan it at the desk to see whose it is."""

    kind = refusals.CONFLICT
    ko = "물품 {barcode}은(는) 이 대여에 속하지 않습니다. 데스크에서 스캔해 확인하세요."


class PartUnknown(Refused):
    """Item {barcode} has no part {part}. Its parts: {parts}."""

    kind = refusals.INVALID
    ko = "물품 {barcode}에는 {part}번 부속품이 없습니다. 부속품: {parts_ko}."


class TooManyMissing(Refused):
    """Item {barcode} can't lack {count} of part {part}; its parts: {parts}."""

    kind = refusals.INVALID
    ko = "물품 {barcode}의 {part}번 부속품이 {count}개 없을 수는 없습니다. 부속품: {parts_ko}."


class CauseMissing(Refused):
    """Item {barcode} is damaged: say the cause, as it decides who pays."""

    kind = refusals.INVALID
    ko = "물품 {barcode}이(가) 파손되었습니다. 비용 부담을 정하려면 원인을 입력하세요."
