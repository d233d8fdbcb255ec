"""What can be the name of a person, and where a letter can be sent."""

import unicodedata

import email_validator

from services.contracts.texts import INVISIBLE

# The mailbox of a local installation takes letters for these; elsewhere no mail server does.
email_validator.SPECIAL_USE_DOMAIN_NAMES.remove("localhost")


def unwritable(name: str) -> str | None:
    """What is wrong with a name, or None: it has a letter of some alphabet, and nothing that can't be seen."""
    if any(unicodedata.category(each) in INVISIBLE for each in name):
        return "Take out the control and invisible characters: type the name again instead of pasting it."
    if not any(map(str.isalpha, name)):
        return "A name has at least one letter."
    return None


def unmailable(address: str) -> str | None:
    """What is wrong with a mail address, or None: mail servers take it, also where its domain is not in ASCII."""
    try:
        ascii_address(address)
    except ValueError as wrong:
        return f"No letter can be sent to this address. {wrong}"
    return None


def ascii_address(address: str) -> str:
    """The address as mail servers take it: ``kim@xn--3e0b707e.kr`` of ``kim@한국.kr``. Raises ValueError.

    Whether the domain exists is not asked.
    """
    found = email_validator.validate_email(address, check_deliverability=False, allow_smtputf8=False)
    assert found.ascii_email, "without SMTPUTF8 there is an address in ASCII, or an error"
    return found.ascii_email
