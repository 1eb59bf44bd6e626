from pathlib import Path

from egoshift.recipes.worlds.jobs import DIRECTIONS, TESTED_ON, Job, cards_of, encoders_of

WORLD, RESULTS = Path("world"), Path("results")


def test_a_job_is_tested_on_the_others_of_its_direction_first():
    for source, target in DIRECTIONS:
        assert Job("xmic", "noun", source).targets[0] == target
    assert TESTED_ON["home"] == ("kitchen", "bench")
    assert TESTED_ON["kitchen"] == ("home",)


def test_a_job_is_a_run_on_the_worlds_cards_with_results_for_each():
    job = Job("xmic", "verb", "home")
    run = job.run(WORLD, seed=5, assignments=["fit.epochs=2"])
    assert (run.name, run.labels, run.fit.seed, run.fit.epochs) == ("xmic", ("verb",), 5, 2)
    assert run.train == WORLD / "home.yaml"
    assert run.test == (WORLD / "kitchen.yaml", WORLD / "bench.yaml")
    assert job.name == "xmic-verb-home"
    assert job.result_files(RESULTS) == tuple(
        RESULTS / f"xmic-verb--home-to-{test}.json" for test in ("home", "kitchen", "bench")
    )


def test_only_the_data_sets_and_encoders_of_the_jobs_are_asked_for():
    there, back = Job("zero_shot", "noun", "kitchen"), Job("xmic_dino", "noun", "home")
    assert cards_of([there]) == ("kitchen", "home")
    assert cards_of([there, back]) == ("kitchen", "home", "bench")
    assert encoders_of([there]) == ("egoworld",)
    assert encoders_of([there, back]) == ("egoworld", "egoworld-dino")
    assert encoders_of([]) == cards_of([]) == ()
