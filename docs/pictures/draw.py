"""Draw the README's picture: the first screen of the report of `divulge demo patients`.  Needs Chromium."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent


def main() -> None:
    """Run the demo, open the first report, keep what a person sees first."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "divulge.cli.app", "demo", "patients", "--out", folder], check=True)
        report = sorted(Path(folder).glob("*/report.html"))[0]
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1120, "height": 1060})
            page.goto(report.as_uri())
            page.wait_for_selector(".js-plotly-plot .main-svg")
            page.screenshot(path=HERE / "report.png")
            browser.close()


if __name__ == "__main__":
    main()
