"""Mutation testing of the chassis and the gateway's front: small changes that some test has to object to."""
