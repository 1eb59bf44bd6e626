import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from egoshift.evaluation import predict_logits
from egoshift.training import load_checkpoint
from tests.unit.evaluation.toy import Toy, toy_text
from tests.unit.training.two_processes import main, source

ROOT = Path(__file__).parents[3]


def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launch, "-m", "tests.unit.training.two_processes", str(tmp_path / "two")]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    main(tmp_path / "one")
    one, two = (load_checkpoint(tmp_path / name, into=Toy()) for name in ("one", "two"))
    ours, theirs = one.config.fit, two.config.fit
    assert ours is not None
    assert theirs is not None
    assert (ours.processes, theirs.processes) == (1, 2)
    assert [row.validation for row in theirs.history] == [row.validation for row in ours.history]
    # Sums over other parts round otherwise, and Adam's normalised steps carry that on.
    assert [row.loss for row in theirs.history] == pytest.approx([row.loss for row in ours.history], rel=1e-5)
    for name, value in one.classifier.state_dict().items():
        torch.testing.assert_close(two.classifier.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    told = [torch.load(tmp_path / "two" / f"told-{rank}.pt") for rank in range(2)]
    for rank in range(2):
        # A thread of the group that outlives Python's own end aborts the process now and then.
        assert (tmp_path / "two" / f"left-{rank}.txt").read_text() == "True"
        assert told[rank]["seen"].tolist() == [True, True, False, False, True]
        expected = torch.tensor([1.0, torch.nan, -1.0, -1.0, torch.nan])
        torch.testing.assert_close(told[rank]["found"], expected, rtol=0, atol=0, equal_nan=True)
        for label in ("noun", "verb"):
            alone = predict_logits(two.classifier, source(), toy_text("noun", "verb"), num_frames=2, batch_size=4)
            assert torch.equal(told[rank][label], alone[label])
