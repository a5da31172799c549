"""Coming from lstosa: its configuration, and nights that it has begun."""
