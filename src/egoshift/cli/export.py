"""``egoshift export``: trained models as files that run without this library."""

from pathlib import Path
from typing import Annotated

import typer

from egoshift.cli.console import answers, print_json, progress

EXAMPLES = """Examples:

  egoshift export runs/xmic --onnx exported/

  egoshift export runs/xmic/models/noun --onnx exported/ --encoder"""


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a trained run, or of one of its models")],
    onnx: Annotated[Path, typer.Option("--onnx", metavar="OUT", help="Folder to write ONNX files and model.json to")],
    encoder: Annotated[bool, typer.Option("--encoder", help="Write the encoders of its features too")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead")] = False,
) -> None:
    """Write models as ONNX files, each compared with PyTorch through onnxruntime before it is kept."""
    from egoshift.errors import ConfigError
    from egoshift.prediction.export import export_onnx

    begun: list[str] = []
    with progress("exporting") as bar:

        def report(name: str) -> None:
            begun.append(name)
            bar(len(begun) - 1, len(begun), name)

        try:
            card = export_onnx(model, onnx, encoder=encoder, progress=report)
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(
                f"{onnx}: cannot be written ({reason}); free some space, or give another folder"
            ) from None
    if json:
        print_json(card.model_dump(mode="json"))
        return
    for one in card.models.values():
        classes = (
            "any class vectors" if one.class_vectors else ", ".join(f"{len(n)} {k}s" for k, n in one.classes.items())
        )
        _tell(onnx / one.file, f"{one.method}, {classes}", one.parity.difference, one.parity.inputs)
    for name, made in (card.encoders | card.text_encoders).items():
        if made.parity:
            _tell(onnx / made.file, name, made.parity.difference, made.parity.inputs)
        elif made.note:
            answers.print(f"{name}: not written: {made.note}", markup=False)
    answers.print(f"next: python examples/run_onnx.py {onnx} FEATURES.npz", markup=False)


def _tell(path: Path, what: str, difference: float, inputs: int) -> None:
    size = path.stat().st_size + sum(one.stat().st_size for one in path.parent.glob(path.name + ".data"))
    answers.print(
        f"{path}: {what}; {size / 1e6:.1f} MB; within {difference:.1g} of PyTorch on {inputs} inputs", markup=False
    )
