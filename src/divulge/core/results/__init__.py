"""What is measured, and what becomes of it: from trials to findings, verdicts and the result of a run."""
