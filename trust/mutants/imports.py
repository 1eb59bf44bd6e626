"""Which modules would import a file again, so that everything else can be loaded once."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path


def name_of(path: Path, root: Path) -> str:
    """The module's name of a file under a folder of packages."""
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, name: str, *, is_package: bool = False, lazily: bool = False) -> set[str]:
    """Names that are imported as soon as a module is, and its own packages.

    Types that only a type checker sees are none of them; what a function imports when it is called, only if asked for.
    """
    found: set[str] = set()
    above = name.split(".") if is_package else name.split(".")[:-1]
    for node in _at_once(ast.parse(source), lazily):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = above[: len(above) - node.level + 1] if node.level else []
            origin = ".".join([*package, *([node.module] if node.module else [])])
            found.add(origin)
            found.update(f"{origin}.{alias.name}" for alias in node.names)
    return {parent for each in (*found, name) for parent in _with_parents(each)} - {name}


def _at_once(node: ast.AST, lazily: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not lazily and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            continue
        yield child
        yield from _at_once(child, lazily)


def users(target: str, graph: Mapping[str, Iterable[str]]) -> set[str]:
    """The modules that import a module, or one that does; with itself."""
    found, grown = {target}, True
    while grown:
        more = {name for name, needs in graph.items() if name not in found and not found.isdisjoint(needs)}
        grown = bool(more)
        found |= more
    return found


def graph_of(roots: Mapping[Path, Path], *, lazily: bool = False) -> dict[str, set[str]]:
    """Per module of some folders what it imports.

    Args:
        roots: Per folder to look through, the folder that its modules' names begin at.
        lazily: Whether what functions import when they are called is told too.
    """
    return {
        name_of(path, root): imports(
            path.read_text(encoding="utf-8"),
            name_of(path, root),
            is_package=path.name == "__init__.py",
            lazily=lazily,
        )
        for folder, root in roots.items()
        for path in sorted(folder.rglob("*.py"))
    }


def _with_parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[: i + 1]) for i in range(len(parts))]
