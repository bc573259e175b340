"""Write scikit-learn's handwritten digits as class folders of PNG files: real images that need no download.

python examples/digits.py demo/digits
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def write_digits(folder: Path) -> int:
    """Write 1,797 8x8 grey images to ``folder/<digit>/<number>.png`` and return how many were written."""
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        path = folder / str(label) / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels * (255 / 16)).astype(np.uint8)).save(path)
    return len(digits.target)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "demo/digits")
    print(f"wrote {write_digits(target)} images to {target}")
