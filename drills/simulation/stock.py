"""What every history begins with: the house rules, two categories with six items, three verified residents."""

from typing import Any

from deploy.seed.documents import HOUSE_RULES, read

RULES = read(HOUSE_RULES)
CENTRE: str = RULES["centre"]["id"]
FEES = {"C10": 600, "C20": 0}
Order = tuple[str, str, dict[str, Any]]  # service, command, data


def stock() -> list[Order]:
    """The commands that open the centre."""
    orders: list[Order] = [("rentals", "adopt_house_rules", {"centre": CENTRE, "rules": RULES})]
    for code, count in (("C10", 4), ("C20", 2)):
        orders.append(describe(code, FEES[code]))
        for n in range(1, count + 1):
            orders += new_item(f"NG-{code}-{n:03}", code)
    for n in range(3):
        orders += newcomer(f"{CENTRE}.{n:032x}", email=f"r{n}@nanum.localhost" if n else None)
    return orders


def describe(code: str, fee_krw: int) -> Order:
    """A category is entered, or changed."""
    category = {
        "centre": CENTRE,
        "code": code,
        "group": "camping",
        "name_ko": "캠핑 의자",
        "name_en": "Camping chair",
        "purchase_price_krw": 30000,
        "fee_krw": fee_krw,
        "max_nights": 4,
        "hazard": "none",
        "briefing_required": False,
        "manual_ko": "펴서 앉으세요.",
        "manual_en": "Unfold and sit.",
        "parts": [{"ko": "의자", "en": "chair", "qty": 1}],
    }
    return "inventory", "describe_category", category


def new_item(barcode: str, code: str) -> list[Order]:
    """An item is entered and made ready."""
    about = {"centre": CENTRE, "barcode": barcode}
    return [("inventory", "register_item", {**about, "category": code}), ("inventory", "make_item_ready", about)]


def newcomer(resident_id: str, email: str | None) -> list[Order]:
    """A resident registers and is verified."""
    about = {"resident_id": resident_id, "centre": CENTRE}
    return [
        ("notifications", "register_contact", {**about, "name": "김나눔", "phone": "010-0000-0000", "email": email}),
        ("rentals", "join_resident", about),
        ("rentals", "verify_resident", {"resident_id": resident_id, "method": "id_card"}),
    ]
