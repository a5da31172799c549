"""The products of a night, a module a data level: what each needs, where it lies, what makes it."""
