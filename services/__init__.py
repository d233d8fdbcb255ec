"""The backend of a sharing centre, one package per service and two that they share.

- ``contracts``      what the services say to each other and to the gateway: schemas, nothing else
- ``chassis``        how every service runs: log, execution, relay, followers, timers; not one word of the domain
- ``inventory``      what the centre owns: categories, items, repairs
- ``rentals``        who has what until when: residents' membership, rentals, house rules
- ``billing``        money: charges, payments, the ledger
- ``notifications``  talking to people: contacts (the only home of personal data), notices, announcements
"""
