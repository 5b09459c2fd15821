"""What may speak against a target that no model of its recipe can speak against."""
