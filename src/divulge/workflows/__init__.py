"""From a job to a finished run, and many of them: audits, comparisons of defences, demonstrations."""
