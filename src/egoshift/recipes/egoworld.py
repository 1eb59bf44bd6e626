"""What every run on the generated world shares, so that no method there is tuned more than another."""

from egoshift.recipes.run import Run

ENCODER = "egoworld"
DINO = "egoworld-dino"
EPOCHS = 40


def egoworld_settings(run: Run) -> Run:
    """The run with the settings that all methods share on the generated world.

    What differs from the released settings: batches of 32 (128) and ``EPOCHS`` epochs (15), since the world has a
    three-hundredth of the papers' clips; and for X-MIC the paper's linear head with a factor of 1, since the released
    head would have a handful of units at the tiny CLIP's width, and hardly trains. Held-out *source* videos decided.
    """
    fit = run.fit.model_copy(update={"batch_size": 32, "epochs": EPOCHS})
    method = run.method
    if method.name == "xmic":
        options = method.options | {"head": "linear-if-needed", "alpha": 1.0}
        method = method.model_copy(update={"options": options})
    return run.model_copy(update={"fit": fit, "method": method})
