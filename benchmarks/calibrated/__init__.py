"""Is every interval as sure as it says, and every test as rarely wrong?  One file a subject, with `rows(quick)`."""
