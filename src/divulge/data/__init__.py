"""Records from arrays, frames and files; splits; sources.  Nothing here knows what an attack is."""
