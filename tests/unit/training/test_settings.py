import pytest
from pydantic import ValidationError

from egoshift.training import OPTIMISERS, FitSettings, learning_rate


def rates(**fields: object) -> list[float]:
    settings = FitSettings.model_validate(fields)
    return [learning_rate(settings, epoch) for epoch in range(settings.epochs)]


def test_the_released_schedule_warms_up_by_epochs_and_stays() -> None:
    assert rates() == [1e-7, *(5e-4 * k / 5 for k in range(1, 5)), *[5e-4] * 10]


def test_the_papers_rate_is_fixed() -> None:
    assert set(rates(**OPTIMISERS["paper"])) == {1e-6}


def test_the_cosine_warms_up_and_falls_to_almost_nothing() -> None:
    values = rates(schedule="cosine", epochs=12, warmup_epochs=2, lr=1.0)
    assert values[:3] == [1e-7, 0.5, 1.0]
    assert values[7] == pytest.approx(0.5)
    assert values[2:] == sorted(values[2:], reverse=True)
    assert 0 < values[-1] < 0.05


def test_a_training_shorter_than_its_warm_up_ends_in_it() -> None:
    assert rates(schedule="cosine", epochs=2, warmup_epochs=5, lr=1.0) == [1e-7, 0.2]


def test_the_named_optimisers_are_valid_and_the_released_one_is_the_default() -> None:
    assert FitSettings.model_validate(OPTIMISERS["released"]) == FitSettings()
    assert FitSettings.model_validate(OPTIMISERS["paper"]).betas == (0.9, 0.999)


@pytest.mark.parametrize(
    "fields",
    [{"epochs": 0}, {"lr": 0.0}, {"lr": float("nan")}, {"betas": (0.9, 1.0)}, {"clip_norm": 0.0}, {"epoch": 3}],
)
def test_values_that_cannot_be_are_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        FitSettings.model_validate(fields)


def test_settings_survive_json() -> None:
    settings = FitSettings(lr=1 / 3, betas=(0.1, 0.7), clip_norm=1.0)
    assert FitSettings.model_validate_json(settings.model_dump_json()) == settings
