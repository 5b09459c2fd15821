"""What a synthetic table gives away of single people: copies, singling out, linkability and inference (WP29)."""
