"""What the services say to each other and to the gateway: schemas, and a catalogue of them. No decision is made here.

One module per service holds its commands (what may be asked), its queries' parameters and the facts it publishes.
Imports nothing but the standard library and marshmallow.
"""
