"""``egoshift store``: feature stores looked at, compared with their checksums, repaired and merged."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from egoshift.cli.console import answers, errors, print_json, progress

if TYPE_CHECKING:
    from egoshift.features.checksums import Damage
    from egoshift.features.condition import StoreInfo

STORES = "Folders of feature stores, such as features/kitchen/openai--clip-vit-base-patch16"
INFO_EXAMPLES = """Examples:

  egoshift store info features/kitchen/*"""
VERIFY_EXAMPLES = """Examples:

  egoshift store verify features/kitchen/* features/home/*"""
REPAIR_EXAMPLES = """Examples:

  egoshift store repair features/kitchen/openai--clip-vit-base-patch16"""
MERGE_EXAMPLES = """Examples:

  egoshift store merge part1/features/clip part2/features/clip --out features/all"""

app = typer.Typer(no_args_is_help=True, help="Look at feature stores, compare them with their checksums, mend, merge.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead")]


@app.command(epilog=INFO_EXAMPLES)
def info(
    stores: Annotated[list[Path], typer.Argument(metavar="STORE...", help=STORES)],
    json: Json = False,
) -> None:
    """Tell what made each store, what it holds, what failed or waits, and who is writing it."""
    from egoshift.features.condition import inspect
    from egoshift.remote import here

    documents = []
    for path in stores:
        found = inspect(here(path))
        documents.append(_document(found))
        if not json:
            _print_info(found)
    if json:
        print_json(documents)


@app.command(epilog=VERIFY_EXAMPLES)
def verify(
    stores: Annotated[list[Path], typer.Argument(metavar="STORE...", help=STORES)],
    json: Json = False,
) -> None:
    """Read every byte and compare it with its checksum, also of videos that wait to be merged.

    Exit code 1 if anything is damaged; each damaged file is a line.
    """
    from egoshift.features.condition import verify as compare
    from egoshift.features.layout import MANIFEST
    from egoshift.remote import here

    documents, damaged = [], 0
    for path in stores:
        here(path, everything=True)
        with progress(f"reading {path.name}") as bar:
            found = compare(path, bar)
        damaged += len(found)
        documents.append({"store": str(path), "damaged": [_damage(one) for one in found]})
        for one in found:
            errors.print(str(one), style="red", markup=False, soft_wrap=True)
        if found and all(one.path != path / MANIFEST for one in found):
            errors.print(f"`egoshift store repair {path}` keeps what is whole", markup=False, soft_wrap=True)
        if not found and not json:
            answers.print(f"{path}: every byte is as it was written", markup=False)
    if json:
        print_json(documents)
    if damaged:
        raise typer.Exit(1)


@app.command(epilog=REPAIR_EXAMPLES)
def repair(
    store: Annotated[Path, typer.Argument(metavar="STORE", help="Folder of a feature store")],
    json: Json = False,
) -> None:
    """Keep every video whose rows are whole and drop the others, which the same `egoshift extract` then encodes anew.

    Finishes or undoes an interrupted merge and removes what killed writers left; changes nothing in a sound store.
    """
    from egoshift.errors import ConfigError
    from egoshift.features.repair import repair as mend
    from egoshift.remote import url_of

    if url_of(store) is not None:
        raise ConfigError(f"{store}: lies in an object store; copy it to this machine, repair it and copy it back")
    report = mend(store)
    if json:
        fields = {"kept": report.kept, "waiting": report.waiting, "dropped": report.dropped, "done": report.done}
        print_json({"store": str(store), **fields})
        return
    for line in report.done:
        errors.print(line, markup=False, soft_wrap=True)
    for video in report.dropped:
        errors.print(f"{store}: video {video!r} was dropped", markup=False, soft_wrap=True)
    waiting = f", {report.waiting} more wait to be merged" if report.waiting else ""
    word = "repaired" if report.done else "sound, nothing to do"
    answers.print(f"{store}: {word}; {report.kept} videos in it{waiting}, {len(report.dropped)} dropped", markup=False)
    if report.dropped or report.waiting:
        errors.print("the same `egoshift extract` that made it encodes what is missing", soft_wrap=True)


@app.command(epilog=MERGE_EXAMPLES)
def merge(
    stores: Annotated[list[Path], typer.Argument(metavar="STORE...", help=STORES)],
    out: Annotated[Path, typer.Option("--out", help="A new folder")],
    json: Json = False,
) -> None:
    """Make one store of several with the same settings; a video may be in two of them if its content is the same."""
    from egoshift.features.union import merge_stores
    from egoshift.remote import here

    made = merge_stores([here(path, everything=True) for path in stores], out)
    videos, rows = len(made.manifest.videos), len(made)
    if json:
        print_json({"store": str(out), "videos": videos, "rows": rows})
        return
    answers.print(f"{out}: {videos} videos, {rows} rows of {len(stores)} stores", markup=False)


def _damage(one: "Damage") -> dict[str, object]:
    return {"file": str(one.path), "found": one.found, "videos": list(one.videos)}


def _document(found: "StoreInfo") -> dict[str, object]:
    manifest = found.manifest or found.settings
    videos = found.manifest.videos if found.manifest else {}
    return {
        "store": str(found.path),
        "encoder": None if manifest is None else manifest.encoder.model_dump(mode="json"),
        "views": [] if manifest is None else list(manifest.views),
        "dim": None if manifest is None else manifest.encoder.dim,
        "plan": None if manifest is None else manifest.plan.model_dump(),
        "libraries": {} if manifest is None else manifest.libraries,
        "videos": len(videos),
        "rows": sum(entry.rows for entry in videos.values()),
        "hours": round(sum(entry.duration_s for entry in videos.values()) / 3600, 4),
        "bytes": found.num_bytes,
        "failed": {} if found.manifest is None else found.manifest.failed,
        "unfinished": found.is_unfinished,
        "waiting": sorted(found.parts),
        "merging": found.is_merging,
        "writer": found.writer,
        "leftovers": [str(path) for path in found.leftovers],
    }


def _print_info(found: "StoreInfo") -> None:
    from egoshift.space import in_units

    manifest, document = found.manifest or found.settings, _document(found)
    answers.print(
        f"{found.path}: {document['videos']} videos, {document['rows']} rows, {document['hours']} h, "
        f"{in_units(found.num_bytes)}",
        markup=False,
    )
    if manifest is not None:
        encoder, plan = manifest.encoder, manifest.plan
        grid = f"{plan.rate_hz:g} times a second" if plan.rate_hz is not None else f"{plan.num_frames} times a clip"
        answers.print(
            f"  {encoder.id} (weights {encoder.sha256[:12]}), {', '.join(manifest.views)} of {encoder.dim}, {grid}",
            markup=False,
        )
    for video, kind in (found.manifest.failed if found.manifest else {}).items():
        answers.print(f"  not stored: {video} ({kind})", markup=False)
    if found.writer is not None:
        answers.print(f"  {found.writer} is writing it", markup=False)
    elif found.is_unfinished or found.is_merging:
        answers.print(
            f"  unfinished: {len(found.parts)} more videos wait to be merged; the same `egoshift extract` goes on",
            markup=False,
        )
    for path in found.leftovers:
        answers.print(f"  {path}: left by a killed writer; `egoshift store repair` removes it", markup=False)
