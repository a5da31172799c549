"""The pages that people look at: views of the status of nights, as HTML that needs nothing else."""
