import pytest

from egoshift.errors import ProcessError
from egoshift.processes import Processes, others_needed, processes

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
SLURM = {
    "SLURM_NTASKS": "4",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
    "SLURM_NTASKS_PER_NODE": "2",
}


def test_torchrun_says_which_process_this_is_also_within_slurm() -> None:
    own = processes(SLURM | TORCHRUN)
    assert own == Processes(rank=5, number=8, local_rank=1, on_machine=4)
    assert (own.is_first, own.machines) == (False, 2)


def test_srun_says_which_process_this_is() -> None:
    assert processes(SLURM) == Processes(rank=2, number=4, local_rank=0, on_machine=2)


@pytest.mark.parametrize("environment", [{}, {"SLURM_NTASKS": "4", "SLURM_PROCID": "0", "SLURM_NTASKS_PER_NODE": "4"}])
def test_else_a_process_is_alone_also_in_an_allocation_of_many_tasks(environment: dict[str, str]) -> None:
    assert processes(environment) == Processes()
    assert Processes().is_first


def test_a_broken_connection_is_one_line_and_other_errors_are_left() -> None:
    with pytest.raises(ProcessError, match=r"^another process of this job has ended; .* says why$"), others_needed():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:50084")
    with pytest.raises(RuntimeError, match="shapes"), others_needed():
        raise RuntimeError("shapes differ")
