"""What the site's databases know of a run, asked with pymongo; asked by programs in jobs only."""
