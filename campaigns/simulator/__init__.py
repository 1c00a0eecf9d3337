"""A provider of one's own: takes e-mail by SMTP and SMS by HTTP, keeps them, and passes nothing on to anybody.

A process of its own that knows nothing of the product; its ledger is what the tests hold our tables against.
"""
