"""Brings what people look at to a web server: datachecks, pages, catalogue; only what changed."""
