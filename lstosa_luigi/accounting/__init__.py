"""What nights cost and how long they took, of the records of their products."""
