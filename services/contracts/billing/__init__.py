"""Billing: payments, the ledger, damages. What crosses its border: no commands, as events alone make it act."""
