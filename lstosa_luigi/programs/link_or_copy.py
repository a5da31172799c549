"""Give files a second place: as hard links, or as copies where the file system allows no links.

``python link_or_copy.py --output-dir=DIR --from=DIR NAME ...``. Standard library only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path


def main() -> int:
    """Link or copy all files, and say how many were which."""
    parser = argparse.ArgumentParser(description="Give files a second place.")
    parser.add_argument("--output-dir", type=Path, required=True, help="where the second place is")
    parser.add_argument("--from", dest="source", type=Path, required=True, help="where they lie")
    parser.add_argument("names", nargs="+", metavar="NAME", help="names of the files")
    options = parser.parse_args()
    linked = 0
    for name in options.names:
        # link(2) would make a second name of a symbolic link
        source = os.path.realpath(options.source / name)
        try:
            os.link(source, options.output_dir / name)
            linked += 1
        except OSError:  # another file system, no permission to link, too many links
            shutil.copyfile(source, options.output_dir / name)
    print(f"{linked} linked, {len(options.names) - linked} copied")
    return 0


if __name__ == "__main__":
    sys.exit(main())
