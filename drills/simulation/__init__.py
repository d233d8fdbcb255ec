"""A whole centre in one thread: the real services on a memory that forgets nothing and a network that forgets anything.

One seed is one history: a scheduler with one source of chance picks who acts next, and what breaks. Start at play.py.
"""
