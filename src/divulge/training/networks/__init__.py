"""How networks are trained many at a time: stacked, mapped, and in a cache's reach."""
