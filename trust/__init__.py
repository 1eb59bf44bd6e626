"""What makes the project's trustworthiness measurable: kills, mutated inputs, mutants, hours under load, known holes.

``crash``, ``fuzz``, ``mutants`` and ``soak`` are programs that add their figures to docs/trust.json and rewrite the
table of docs/trust.md (``ledger``); bounded versions of them run in the tests. ``results`` rewrites every number of
README and pages; ``audit`` asks for known vulnerabilities of what is installed.
"""
