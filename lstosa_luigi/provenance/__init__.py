"""From any file back to the photons: what the records say about files, asked and written down."""
