"""The rules of lending, in plain Python: no clock, no storage, no broker. One module per aggregate."""
