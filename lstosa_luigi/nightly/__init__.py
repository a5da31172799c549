"""Every day without a person: which nights are started when, and what a cron or systemd needs."""
