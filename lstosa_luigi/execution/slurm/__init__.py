"""The Slurm backend: job arrays, what became of them, and what to do about it.

It knows jobs, not products: :mod:`backend` is the only module that the worker sees.
"""
