"""The files of a run's folder: written whole and with checksums, read as data, brought to today's schema."""
