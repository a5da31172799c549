"""How a night stands, as data: what people and programs are shown of it are views of one model."""
