"""From an audit file, or arguments, to a job."""
