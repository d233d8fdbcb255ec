"""The backend of a sharing centre: a package for each service, and two that all services share.

- ``contracts``  what the services say to each other and to the gateway; its ``SERVICES`` lists them
- ``chassis``    how every service runs: log, commands, relay, subscribers, jobs; not one word of the domain
"""
