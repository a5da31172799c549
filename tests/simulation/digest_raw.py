"""Print as JSON a digest of what raw data files hold. Run by the tests where protozfits is.

Not of their bytes: protozfits stamps the time into the headers and leaves gaps between tiles.
"""

import hashlib
import json
import sys
from pathlib import Path

import protozfits


def digest(path):
    """Return the digest of all messages of a file."""
    content = hashlib.sha256()
    with protozfits.File(str(path), pure_protobuf=True) as file:
        for table in (file.DataStream, file.CameraConfiguration, file.Events):
            for message in table:
                content.update(message.SerializeToString(deterministic=True))
    return content.hexdigest()


if __name__ == "__main__":
    nights = [Path(base).glob("R0/*/LST-1.*.fits.fz") for base in sys.argv[1:]]
    print(json.dumps([{path.name: digest(path) for path in sorted(night)} for night in nights]))
