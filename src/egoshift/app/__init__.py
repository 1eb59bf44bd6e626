"""The web page: a recording and words in, a timeline to look at."""
