"""Mutated inputs: whatever a stranger's file holds, it is read or refused in one line, soon and in little memory.

``python -m trust.fuzz`` changes small files of every layout that is read, hands each to its reader, and counts what is
neither an answer nor an ``EgoshiftError``: tracebacks, hangs, dead processes, memory. See ``targets`` for the readers,
``changes`` and ``values`` for how inputs are changed, ``crew`` for how a process that dies costs one input.
"""
