"""The rules of money, in plain Python: no clock, no storage, no broker, no terminal. One module per aggregate."""
