"""Programs of our own that jobs execute, each by its path: they take a second and no Luigi.

They run in the environment of the orchestrator, whatever the tools' is.
"""
