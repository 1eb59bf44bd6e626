"""What makes the project's trustworthiness measurable: kills, mutated inputs, mutants, hours under load.

Each module is a program that adds its figures to docs/trust.json and rewrites the table of docs/trust.md; bounded
versions of all run in the tests.
"""
