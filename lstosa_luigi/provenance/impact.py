"""All that derives from a file, and how it is made again."""

from __future__ import annotations

__all__ = ["Impact", "impact_of"]

import collections
import dataclasses
import shlex

from lstosa_luigi.provenance.graph import Execution, Graph


@dataclasses.dataclass(frozen=True)
class Impact:
    """What has to be made again if a file was wrong.

    Parameters
    ----------
    path : str
        The file.
    maker : Execution or None
        What made it, if anything did.
    executions : tuple of Execution
        What derives from it, nearest first.
    direct : tuple of Execution
        Those of them that read the file itself.
    """

    path: str
    maker: Execution | None
    executions: tuple[Execution, ...]
    direct: tuple[Execution, ...]

    @property
    def counts(self) -> dict[tuple[str, str, str], int]:
        """How many there are of each kind, by night, production and product."""
        kinds = [(one.date, one.prod_id, one.product) for one in self.executions]
        return dict(collections.Counter(kinds))

    @property
    def nights(self) -> list[tuple[str, str]]:
        """Nights and productions with anything to be made again, and that of the file itself."""
        all_of_it = [*([self.maker] if self.maker else []), *self.executions]
        return sorted({(one.date, one.prod_id) for one in all_of_it})

    def files(self, only_direct: bool = False) -> list[str]:
        """Return the files of what derives from it, or of what read it itself."""
        ones = self.direct if only_direct else self.executions
        return [path for one in ones for path in one.outputs]

    def commands(self) -> list[str]:
        """Return what to type to have it all made again.

        A file that a night makes is moved away, and so is missed. One that was given is to be
        replaced by hand; what was made of it directly is moved away instead.
        """
        name = shlex.quote(self.path)
        if not self.executions and self.maker is None:
            return []
        if self.maker is not None:
            lines = [f"mv {name} {shlex.quote(self.path + '.wrong')}"]
        else:
            lines = [f"lstosa impact {name} --files --direct | xargs -d '\\n' rm -f"]
        for verb in ("lstosa verify --remake", "luigi --module lstosa_luigi NightlyClose"):
            lines += [f"{verb} --date {date} --prod-id {prod}" for date, prod in self.nights]
        return lines


def impact_of(graph: Graph, path: str) -> Impact:
    """Return what derives from a file."""
    return Impact(path, graph.maker(path), graph.below(path), graph.users(path))
