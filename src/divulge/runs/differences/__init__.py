"""Two runs, or more, compared record by record where they are about the same ones."""
