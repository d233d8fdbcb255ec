"""The errors of an installation: each says in one sentence what is wrong and what to do."""


class InstallationError(Exception):
    """Something the operator has to know; the message is shown as it is."""


class NotReady(Exception):
    """A process does not answer yet; the message says why."""
