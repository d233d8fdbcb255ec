"""The rules of the shelf, in plain Python: no clock, no storage, no broker. One module per aggregate."""
