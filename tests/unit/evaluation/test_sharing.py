import pytest
import torch

from egoshift.evaluation.sharing import batches_of, give_to_all
from egoshift.processes import Processes


@pytest.mark.parametrize("number", [1, 2, 3, 5])
@pytest.mark.parametrize("num_clips", [0, 1, 4, 11, 12])
def test_processes_share_the_batches_that_one_would_have(num_clips: int, number: int) -> None:
    whole = [rows.tolist() for rows in torch.arange(num_clips).split(4) if len(rows)]
    shares = [list(batches_of(num_clips, 4, Processes(rank, number))) for rank in range(number)]
    for rank, share in enumerate(shares):
        assert [rows.tolist() for rows in share] == whole[rank::number]


def test_one_process_has_all_it_needs() -> None:
    values = torch.tensor([1.0, torch.nan])
    give_to_all(values, 1, Processes())
    torch.testing.assert_close(values, torch.tensor([1.0, torch.nan]), equal_nan=True)
