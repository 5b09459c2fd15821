"""How a report speaks of a release of made-up records, where others speak of a model."""
