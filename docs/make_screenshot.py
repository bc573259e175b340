"""Photograph the top of a run's report: ``python docs/make_screenshot.py runs/ants_bees docs/report.png``."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path


def photograph(page: Path, picture: Path, *, width: int, height: int, dark: bool) -> None:
    """Write ``picture`` as the browser shows ``page``; needs the ``playwright`` package and a Chromium."""
    from playwright.sync_api import sync_playwright

    browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser_path is None:
        sys.exit("no Chromium was found on the PATH; install one (Debian: apt-get install chromium)")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
        tab.goto(page.resolve().as_uri())
        tab.screenshot(path=str(picture))
        browser.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run directory, or its report.html")
    parser.add_argument("picture", type=Path, nargs="?", default=Path(__file__).with_name("report.png"))
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=1500)
    parser.add_argument("--dark", action="store_true")
    given = parser.parse_args()
    page = given.run / "report.html" if given.run.is_dir() else given.run
    if not page.is_file():
        sys.exit(f"there is no report at {page}; run `transferium fit` first")
    photograph(page, given.picture, width=given.width, height=given.height, dark=given.dark)
    print(f"{given.picture} ({given.picture.stat().st_size // 1024} kB)")


if __name__ == "__main__":
    main()
