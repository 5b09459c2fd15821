"""Draw the README's picture: the first screen of the report of `divulge demo patients`, or of a report that is there.

Needs Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent


def main() -> None:
    """Run the demo, open the first report, keep what a person sees first.  An argument names a report instead."""
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 1:
            report = Path(sys.argv[1]).resolve()
        else:
            subprocess.run([sys.executable, "-m", "divulge.cli.app", "demo", "patients", "--out", folder], check=True)
            report = sorted(Path(folder).glob("*/report.html"))[0]
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1120, "height": 980})
            page.goto(report.as_uri())
            page.screenshot(path=HERE / "report.png")
            browser.close()


if __name__ == "__main__":
    main()
