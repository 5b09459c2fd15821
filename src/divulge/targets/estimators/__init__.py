"""Targets that are estimators: scikit-learn's interface, and boosters."""
