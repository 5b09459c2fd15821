"""Every kind of model under every attack that needs no long training, for the second conformance table."""
