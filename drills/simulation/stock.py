"""What every history begins with: three centres of look-alike names, each with the same barcodes and resident numbers.

Each has its house rules, two categories with a few items, and verified residents. Fees differ by centre, so that a
price of another centre shows.
"""

from typing import Any

from deploy.seed.documents import HOUSE_RULES, read

RULES = read(HOUSE_RULES)
CENTRES: tuple[str, ...] = (RULES["centre"]["id"], "gwangju-nam", "gwangju-namgu-2")
FEES = {centre: {"C10": 600 + n * 1000, "C20": 0} for n, centre in enumerate(CENTRES)}
ITEMS = {CENTRES[0]: {"C10": 4, "C20": 2}, CENTRES[1]: {"C10": 2}, CENTRES[2]: {"C10": 1, "C20": 1}}
RESIDENTS = {CENTRES[0]: 3, CENTRES[1]: 2, CENTRES[2]: 1}
Order = tuple[str, str, dict[str, Any]]  # service, command, data


def barcodes(centre: str) -> list[str]:
    """The barcodes of a centre's items."""
    return [f"NG-{code}-{n:03}" for code, count in ITEMS[centre].items() for n in range(1, count + 1)]


def resident_ids(centre: str) -> list[str]:
    """The ids of a centre's residents."""
    return [f"{centre}.{n:032x}" for n in range(RESIDENTS[centre])]


def stock(centre: str) -> list[Order]:
    """The commands that open a centre."""
    rules = {**RULES, "centre": {**RULES["centre"], "id": centre}}
    orders: list[Order] = [("rentals", "adopt_house_rules", {"centre": centre, "rules": rules})]
    orders += [describe(centre, code, FEES[centre][code]) for code in ITEMS[centre]]
    for barcode in barcodes(centre):
        orders += new_item(centre, barcode, barcode.split("-")[1])
    for n, resident_id in enumerate(resident_ids(centre)):
        orders += newcomer(resident_id, centre, email=f"r{n}@nanum.localhost" if n else None)
    return orders


def describe(centre: str, code: str, fee_krw: int) -> Order:
    """A category is entered, or changed."""
    category = {
        "centre": centre,
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


def new_item(centre: str, barcode: str, code: str) -> list[Order]:
    """An item is entered and made ready."""
    about = {"centre": centre, "barcode": barcode}
    return [("inventory", "register_item", {**about, "category": code}), ("inventory", "make_item_ready", about)]


def newcomer(resident_id: str, centre: str, email: str | None) -> list[Order]:
    """A resident registers and is verified."""
    about = {"resident_id": resident_id, "centre": centre}
    return [
        ("notifications", "register_contact", {**about, "name": "김나눔", "phone": "010-0000-0000", "email": email}),
        ("rentals", "join_resident", about),
        ("rentals", "verify_resident", {"resident_id": resident_id, "method": "id_card"}),
    ]
