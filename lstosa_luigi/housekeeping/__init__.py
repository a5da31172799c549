"""Keeps the disk in order: archives, clean-up, and what takes the room; nothing goes unasked."""
