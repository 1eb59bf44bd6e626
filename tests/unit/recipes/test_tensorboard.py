"""Event files, read back by TensorBoard itself."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from egoshift.errors import ConfigError
from egoshift.evaluation import ModalityResult, Result
from egoshift.evaluation.result import EpochRow
from egoshift.recipes.tensorboard import Live, write_results
from egoshift.training import FitProgress, FitReport, FitSettings
from tests.unit.recipes.modalities.results import full_support, result
from tests.unit.recipes.results import made_up

HISTORY = tuple(
    EpochRow(epoch=epoch, lr=0.1 / (epoch + 1), loss=2.0 - epoch, validation={"noun": 10.0 * epoch})
    for epoch in range(3)
)


def trained(results: Sequence[Result]) -> list[tuple[Result | ModalityResult, Sequence[EpochRow]]]:
    return [(one, one.history) for one in results]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


@pytest.fixture
def results() -> list[Result]:
    return [made_up("kitchen", test, history=HISTORY, selection="best") for test in ("kitchen", "home")]


def test_curves_and_scores_are_read_back(results: list[Result], tmp_path: Path) -> None:
    (folder,) = write_results(trained(results), tmp_path)
    found = scalars(folder)
    assert found["train/loss"] == [(1, 2.0), (2, 1.0), (3, 0.0)]
    assert dict(found["train/lr"]) == pytest.approx({1: 0.1, 2: 0.05, 3: 0.1 / 3})
    assert found["validation/top1_noun"] == [(1, 0.0), (2, 10.0), (3, 20.0)]
    scores = {tag: points for tag, points in found.items() if tag.startswith(("kitchen/", "home/"))}
    expected = {f"{one.test}/{row.label}_{row.metric}_{row.subset}": row.value for one in results for row in one.rows}
    assert len(expected) == sum(len(one.rows) for one in results)
    assert set(scores) == set(expected)
    for tag, points in scores.items():
        assert dict(points) == pytest.approx({3: expected[tag]}, rel=1e-6)


def test_results_of_several_modalities_have_a_number_for_each_pair(tmp_path: Path) -> None:
    (folder,) = write_results([(result(full_support()), HISTORY)], tmp_path)
    found = scalars(folder)
    assert len([tag for tag in found if tag.startswith("kitchen/")]) == 7
    assert found["train/loss"][0] == (1, 2.0)
    assert found["kitchen/action_many-shot_video+audio+imu_to_imu_all"][0][1] > 0


def test_seeds_and_source_data_sets_have_folders_of_their_own(tmp_path: Path) -> None:
    runs = [made_up("kitchen", "home", seed=seed) for seed in (0, 1)] + [made_up("home", "home")]
    assert len({folder.name for folder in write_results(trained(runs), tmp_path)}) == 3


def test_what_was_written_before_is_replaced_and_other_files_stay(results: list[Result], tmp_path: Path) -> None:
    (folder,) = write_results(trained(results), tmp_path)
    (folder / "events.out.tfevents.1.mine").write_bytes(b"")
    write_results(trained(results), tmp_path)
    names = sorted(path.name.rpartition(".")[2] for path in folder.iterdir())
    assert names == ["egoshift", "mine"]
    assert len(scalars(folder)["train/loss"]) == 3


def test_a_training_is_written_step_by_step_and_goes_on_when_resumed(tmp_path: Path) -> None:
    def run(epochs: range, *, resume: bool) -> dict[str, list[tuple[int, float]]]:
        live = Live(tmp_path, "xmic", resume=resume)
        for epoch in epochs:
            for step in (1, 2):
                live.step("noun", FitProgress(epoch, 4, step, 2, 1.0 / (epoch + step), 50.0, 0.0))
        live.finish({"noun": FitReport(selection="best", settings=FitSettings(), history=HISTORY)})
        return scalars(tmp_path / "xmic-noun")

    assert [step for step, _ in run(range(2), resume=False)["step/loss"]] == [1, 2, 3, 4]
    found = run(range(2, 4), resume=True)
    assert [step for step, _ in found["step/loss"]] == [*range(1, 9)]
    assert found["train/loss"][-1] == (3, 0.0)
    assert [step for step, _ in run(range(1), resume=False)["step/loss"]] == [1, 2]


def test_without_tensorboard_the_package_to_install_is_named(
    results: list[Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"pip install 'egoshift\[tensorboard\]'"):
        write_results(trained(results), tmp_path)
    with pytest.raises(ConfigError, match="not installed"):
        Live(tmp_path, "xmic")


def test_a_place_that_is_a_file_is_refused(results: list[Result], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_results(trained(results), tmp_path / "file")
    with pytest.raises(ConfigError, match="cannot be written"):
        Live(tmp_path / "file", "xmic")
