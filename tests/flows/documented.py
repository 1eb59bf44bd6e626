"""How the commands of the pages are run: on tiny data, with less of everything. All that is not run is listed here."""

from collections.abc import Mapping

CLIP = "openai/clip-vit-base-patch16"
"""Stands on the pages where the tests have a CLIP of a few thousand parameters in a folder."""

_SMALL = "--set method.options.width=16 --set method.options.num_layers=1 --set method.options.num_heads=2"
_EPISODES = " ".join(
    f"--set {part}.{field}"
    for part in ("few_shot", "objective.prototypes")
    for field in ("ways=3", "shots=1", "queries=1")
)

LESS: Mapping[str, str] = {
    "egoshift demo": "--scale 0.05",
    "egoshift world make": "--sets bench --scale 0.05",
    "egoshift train": "--set fit.epochs=1 --set fit.warmup_epochs=0 --set fit.num_frames=2",
    "egoshift train own_videos": f"--encoder {CLIP}",
    "egoshift train xmic_full --on charades-ego.yaml": f"--encoder {CLIP}",
    "egoshift train mmg_audio": "--set method.options.preset=tiny --set 'method.options.options={num_frames: 64}'",
    "egoshift train mmg_imu": "--set method.options.preset=tiny --set 'method.options.options={num_samples: 128}'",
    "egoshift train mmg_many_shot": f"{_SMALL} --encoder {CLIP}",
    "egoshift train mmg_few_shot": f"{_SMALL} {_EPISODES} --set few_shot.num_episodes=20 --encoder {CLIP}",
    "egoshift adapt": "--epochs 2",
}
"""Added to commands that begin so; recipes whose default encoder is that of the pages are given ours."""

ONLY_PARSED: Mapping[str, str] = {
    "egoshift demo --sensors": "minutes; test_sensor_demo.py runs it in a smaller world",
    "egoshift world make my_world": "test_world.py writes all sets",
    "egoshift world make little --sets kitchen,home --scale 0.2": "conftest.py makes such a world",
    "egoshift world make my_world --sets kitchen,home --scale 0.1": "conftest.py makes this world, once for all tests",
    "egoshift world make my_world --sets multimodal": "the tests have a smaller data set of several sensors",
    "egoshift predict --camera 0 --model runs/own_videos": "needs a camera",
    "egoshift app --model runs/own_videos --model runs/taught": "serves until it is stopped; tests/unit/app runs it",
    "egoshift app --model runs/demo/models/xmic-kitchen": "the same",
    "egoshift extract my_videos/ --encoder facebook/dinov3-vitb16-pretrain-lvd1689m": "its weights are not here",
    "egoshift extract s3://bucket/kitchen.yaml --encoder openai/clip-vit-base-patch16": "test_remote.py has a store",
    "egoshift train xmic --on s3://bucket/kitchen.yaml --out s3://bucket/runs/xmic": "the same",
    "egoshift evaluate s3://bucket/runs/xmic": "the same",
    "egoshift store info features/kitchen/clip": "tests/unit/cli/test_store.py runs it",
    "egoshift store verify features/kitchen/clip": "the same",
    "egoshift store repair features/kitchen/clip": "the same",
    "egoshift store merge part1/features/clip part2/features/clip --out features/all": "the same",
}
"""Commands of ours that are not run, and why; they are read as the program reads them."""

NOT_OURS: Mapping[str, str] = {
    "hf download openai/clip-vit-base-patch16": "fetches from the network",
    "hf download facebook/dinov3-vitb16-pretrain-lvd1689m": "fetches from the network",
    "source .venv/bin/activate": "is the shell's own",
    "make setup": "installs",
    "make demo": "is `egoshift demo`, which is run",
    "make claims": "takes hours; is `egoshift claims`",
    "make test": "is what runs this",
    "make check": "is run beside the tests",
    "make format": "changes files",
    "make bench": "takes many minutes",
    "make results": "takes half an hour; tests/unit/trust/test_results.py compares what it writes",
    "make lock": "asks the package index",
    "make audit": "asks the package index; tests/unit/trust/test_audit.py",
    "make sbom": "installs its tool",
    "make crash": "takes many minutes; a bounded one is among the tests",
    "make fuzz": "the same",
    "make mutants": "takes hours",
    "make soak": "the same",
    "make docs": "is what test_site.py runs",
    "python -m benchmarks.glasses classyglass_1ab.npz": "reads data that are not in the repository",
    "torchrun --nproc-per-node 8 -m egoshift train xmic --on kitchen.yaml --test home.yaml": "is run in two",
    "torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint 10.0.0.1:29500 -m egoshift evaluate "
    "runs/xmic": "needs two machines",
}
"""Commands of other programs; of ``make`` the target is looked for, of ``python -m`` the module."""

NOT_RUN: Mapping[str, str] = {
    "from egoshift.media.aria import AriaRecording": "no recording of Project Aria is in the repository",
}
"""Programs of the pages that are not run, by their first line, and why; they are compiled, and what they import is."""

IN_PLACE_OF: Mapping[str, str] = {CLIP: "{clip}", "W01": "a1"}
"""Words of programs and commands that stand for what a reader has, and what the tests have."""
