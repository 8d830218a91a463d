"""Where other programs have the scene. Their path files do not say it: the caller does, or a file of theirs that lies beside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from im4d_core.calibration import transforms
from im4d_core.path_files.instant_ngp import NgpWorld, read_ngp_world
from im4d_core.path_files.nerfstudio import SAME_WORLD, TRANSFORMS_FILE, NerfstudioWorld, read_nerfstudio_world

Told = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class ForeignWorlds:
    """What the caller knows; None leaves it to the file beside the path, and where there is none, to what is usual."""

    nerfstudio: NerfstudioWorld | None = None
    instant_ngp: NgpWorld | None = None

    def of_nerfstudio(self, folder: Path | None, told: Told) -> NerfstudioWorld:
        """nerfstudio's space for paths in a folder; tells which one that is.

        Raises:
            ValueError: the file beside is damaged; naming file and field.
        """
        if self.nerfstudio is not None:
            return self.nerfstudio
        file = _beside(folder, TRANSFORMS_FILE)
        if file is None:
            told(f"Its coordinates are taken for the capture's, since no {TRANSFORMS_FILE} of nerfstudio lies beside")
            return SAME_WORLD
        told(f"Between nerfstudio's space and the capture's goes {file.name}, which lies beside")
        return read_nerfstudio_world(file)

    def of_instant_ngp(self, folder: Path | None, told: Told) -> NgpWorld:
        """instant-ngp's scale and offset for paths in a folder; tells which they are.

        Raises:
            ValueError: the file beside is damaged; naming file and field.
        """
        if self.instant_ngp is not None:
            return self.instant_ngp
        file = _beside(folder, transforms.FILE)
        world = NgpWorld() if file is None else read_ngp_world(file)
        numbers = f"instant-ngp's scale is taken to be {world.scale:g} and its offset {', '.join(f'{number:g}' for number in world.offset)}"
        told(f"{numbers}, as usual, since no {transforms.FILE} of its scene lies beside" if file is None else f"{numbers}, as {file.name} beside says")
        return world


def _beside(folder: Path | None, name: str) -> Path | None:
    return folder / name if folder is not None and (folder / name).is_file() else None
