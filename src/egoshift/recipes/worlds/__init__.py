"""Runs in generated worlds: what is trained where, one world a seed, several trainings at a time, nothing twice."""

from egoshift.recipes.worlds.jobs import BENCH, DIRECTIONS, HOME, KITCHEN, MULTIMODAL, Job
from egoshift.recipes.worlds.replicate import Replicate
from egoshift.recipes.worlds.sensor_variants import SENSOR_VARIANTS
from egoshift.recipes.worlds.work import Failures, OnWork, Step, do_all, sensor_steps, steps_of, train_jobs

__all__ = [
    "BENCH",
    "DIRECTIONS",
    "HOME",
    "KITCHEN",
    "MULTIMODAL",
    "SENSOR_VARIANTS",
    "Failures",
    "Job",
    "OnWork",
    "Replicate",
    "Step",
    "do_all",
    "sensor_steps",
    "steps_of",
    "train_jobs",
]
