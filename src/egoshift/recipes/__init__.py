"""The only room that knows a paper: its runs, tables and reported numbers."""
