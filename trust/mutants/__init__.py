"""Faults put into the code one at a time, to see whether the tests notice.

What counts as a fault is mutmut's: its operators, applied by ``mutations``. Running them is ours, because a mutant has
to cost a second and not ten: ``server`` loads everything that a fault cannot have touched once, and forks.
"""
