"""Class names: their clean-up, and which classes of two data sets are the same."""

from collections.abc import Mapping

from egoshift.records import Vocabulary


def shared_and_novel(
    train: Vocabulary, test: Vocabulary, synonyms: Mapping[str, str] | None = None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Indices into ``test`` of the classes that ``train`` has too, and of those that it has not.

    Args:
        train: The vocabulary trained on.
        test: The vocabulary scored.
        synonyms: From a name to the one name that stands for it; names that are not in it stand for themselves.

    Returns:
        ``(shared, novel)``, each ascending; together every class of ``test`` once.
    """
    canonical = dict(synonyms or {})
    known = {canonical.get(name, name) for name in train.names}
    shared = [canonical.get(name, name) in known for name in test.names]
    return (
        tuple(index for index, is_shared in enumerate(shared) if is_shared),
        tuple(index for index, is_shared in enumerate(shared) if not is_shared),
    )
