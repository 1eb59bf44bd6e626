"""What every run on the generated world shares; nothing is chosen for one variant of a method and not for another."""

from egoshift.recipes.run import Run

ENCODER = "egoworld"
DINO = "egoworld-dino"
EPOCHS = 40


def egoworld_settings(run: Run) -> Run:
    """The run with the settings that all methods share on the generated world.

    What differs from the released settings: batches of 32 (128) and ``EPOCHS`` epochs (15), since a world has some
    hundred training clips where the papers have tens of thousands; and for X-MIC the paper's linear head with a factor
    of 1, since the released head would have 8 units at the small CLIP's width of 128. Held-out *source* videos decided,
    for X-MIC with n1, F+H and temporal attention (*kitchen* of world 0: nouns 57.1% with the released head and factor,
    64.3% with these; verbs 35.7% and 42.9%); its other variants take the same.
    """
    fit = run.fit.model_copy(update={"batch_size": 32, "epochs": EPOCHS})
    method = run.method
    if method.name == "xmic":
        options = method.options | {"head": "linear-if-needed", "alpha": 1.0}
        method = method.model_copy(update={"options": options})
    return run.model_copy(update={"fit": fit, "method": method})
