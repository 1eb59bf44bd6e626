"""Kills and disk faults over every command that keeps something, each compared with a run that nothing disturbed."""
