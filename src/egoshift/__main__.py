"""``python -m egoshift``, and so ``torchrun … -m egoshift``: the command line."""

from egoshift.cli.main import run

if __name__ == "__main__":
    run()
