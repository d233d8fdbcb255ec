"""The one door to the outside: who asks, for what, and in which words the answer goes out. It decides nothing.

Whatever happens to a thing is decided by the service that owns it; the gateway checks identity, policy and schema,
turns a request into commands and queries, and a refusal into a problem document.
"""
