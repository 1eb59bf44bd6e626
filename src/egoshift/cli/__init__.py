"""The command line: one thin file a verb. The only room that prints."""
