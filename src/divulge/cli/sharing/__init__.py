"""Commands about runs of several audits and machines."""
