"""What was observed and what belongs together: pure rules over tables; no Slurm, no Luigi."""
