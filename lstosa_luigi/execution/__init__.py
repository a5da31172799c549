"""How a product gets made: jobs, the payload that runs them, backends, and the worker that polls.

This package imports nothing by itself, so that a job starts without Luigi.
"""
