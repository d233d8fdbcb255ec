"""What the services say to each other and to the gateway: schemas only, and nothing that behaves.

One module per service holds its commands (what may be asked), its queries' parameters and the facts it publishes.
Imports nothing but the standard library and marshmallow.
"""
