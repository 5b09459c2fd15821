"""Games among parties that hold different parts of a record."""
