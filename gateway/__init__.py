"""The entry to the system for everything outside: who asks, for what, and in which words the answer goes out.

It decides nothing. The service that owns a thing decides what happens to it; the gateway checks identity, policy and
schema, turns a request into commands and queries, and a refusal into a problem document.
"""
