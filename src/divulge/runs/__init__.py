"""The folder of a run and its readers: result, gate, comparison, export."""
