"""What crosses a border between the services, the gateway and their readers: a package for each service.

``commands`` (what may be asked), ``queries`` (what may be read), ``views`` (what is answered), ``events`` (what is
published), ``words`` (enumerations and shared values). No decision is made here.
"""

SERVICES = ("inventory", "rentals", "billing", "notifications")
"""Every service, in the order in which they are shown. The one place that lists them."""
