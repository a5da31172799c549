"""Make a file again by the commands that its records tell, and compare it with what is there."""
