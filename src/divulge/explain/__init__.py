"""Why a model leaks, and what would help."""
