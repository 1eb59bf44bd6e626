from egoshift.recipes.claims import pictures


def test_the_score_on_web_pictures_is_kept_and_measured_again_for_other_pictures(tmp_path, monkeypatch):
    measured = []

    def measure(seed: int) -> float:
        measured.append(seed)
        return 71.5

    monkeypatch.setattr(pictures, "_measure", measure)
    file = tmp_path / "pictures.json"
    assert pictures.third_person_score(file, 0, code="a") == 71.5
    assert pictures.third_person_score(file, 0, code="a") == 71.5
    assert len(measured) == 1
    pictures.third_person_score(file, 1, code="a")
    assert len(set(measured)) == 2
    pictures.third_person_score(file, 1, code="b")
    assert len(measured) == 3


def test_new_pictures_are_drawn_for_each_seed_and_scored():
    small = [pictures._measure(seed, 40) for seed in (1, 1, 2)]
    assert small[0] == small[1]
    assert all(0 <= score <= 100 for score in small)
