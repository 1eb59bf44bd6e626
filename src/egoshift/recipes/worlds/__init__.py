"""Runs in generated worlds: what is trained where, one world a seed, several trainings at a time, nothing twice."""

from egoshift.recipes.worlds.jobs import BENCH, DIRECTIONS, HOME, KITCHEN, Job
from egoshift.recipes.worlds.replicate import Replicate
from egoshift.recipes.worlds.work import Failures, OnWork, Step, do_all, steps_of, train_jobs

__all__ = [
    "BENCH",
    "DIRECTIONS",
    "HOME",
    "KITCHEN",
    "Failures",
    "Job",
    "OnWork",
    "Replicate",
    "Step",
    "do_all",
    "steps_of",
    "train_jobs",
]
