import pytest

from egoshift.recipes.claims.listed import find_claims
from egoshift.recipes.claims.plan import jobs_of as jobs_of_claims
from egoshift.recipes.paper.needs import CHOSEN_ON, Need, jobs_of, needs_of
from egoshift.recipes.paper.tables import GENERATED, PAPER_TABLES, find_tables
from egoshift.recipes.variants import VARIANTS
from egoshift.recipes.worlds import Job


def test_a_table_asks_for_its_own_runs_only():
    names = ("xmic", "xmic_full", "xmic_hand")
    assert set(jobs_of(find_tables([4]))) == {Job(name, label, "home") for name in names for label in ("noun", "verb")}
    assert {(job.label, job.source) for job in jobs_of(find_tables([6]))} == {("noun", "home")}
    assert {job.source for job in jobs_of(find_tables([1]))} == {"home", "kitchen"}
    assert {job.variant for job in jobs_of(find_tables([7]))} == {
        name
        for name in VARIANTS
        if name.split("-")[0] in ("zero_shot", "xmic")
        and name.partition("-")[2] in ("", "image", "video", "egocentric", "hand", "egocentric-hand")
    }


@pytest.mark.parametrize("table", PAPER_TABLES, ids=lambda table: str(table.number))
def test_every_cell_of_a_table_is_a_result_of_one_of_its_jobs(table):
    jobs, needs = set(jobs_of([table])), needs_of([table])
    for column in table.columns:
        for row in table.rows:
            for label in table.labels:
                variant = row.variants[column.variant]
                job = Job(variant, label, GENERATED[column.train])
                assert job in jobs
                assert {GENERATED[column.train], GENERATED[column.test]} <= {job.source, *job.targets}
                assert {column.train, column.test} <= set(needs[Need(variant, label, column.train)])


def test_nothing_is_run_twice_for_several_tables():
    jobs = jobs_of(PAPER_TABLES)
    assert len(set(jobs)) == len(jobs)
    assert set(jobs) == {job for table in PAPER_TABLES for job in jobs_of([table])}
    tests = needs_of(PAPER_TABLES)[Need("xmic", "noun", "ego4d")]
    assert tests == ("ego4d", "epic", "egtea")
    assert needs_of(find_tables([4]))[Need("xmic", "noun", "ego4d")] == ("ego4d", "epic")


def test_claims_and_tables_share_their_runs():
    claims = {job for job in jobs_of_claims(find_claims([5])) if job.source == "home"}
    assert claims == set(jobs_of(find_tables([4])))


def test_the_epoch_is_chosen_where_generated_runs_choose_it():
    """There the first data set not trained on."""
    for train, chosen in CHOSEN_ON.items():
        assert Job("xmic", "noun", GENERATED[train]).targets[0] == GENERATED[chosen]
    assert set(CHOSEN_ON) == {need.train for need in needs_of(PAPER_TABLES)}
