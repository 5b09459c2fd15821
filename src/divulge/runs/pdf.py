"""PDF, printed by a browser that is installed already."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from divulge.core.errors import InputError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
    "microsoft-edge",
)
APPLICATIONS = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ),
    "win32": (
        "${PROGRAMFILES}/Google/Chrome/Application/chrome.exe",
        "${PROGRAMFILES(X86)}/Google/Chrome/Application/chrome.exe",
        "${LOCALAPPDATA}/Google/Chrome/Application/chrome.exe",
        "${PROGRAMFILES}/Microsoft/Edge/Application/msedge.exe",
        "${PROGRAMFILES(X86)}/Microsoft/Edge/Application/msedge.exe",
    ),
}
"""By sys.platform: where installers put a browser on systems whose PATH does not name it."""

VARIABLE = "DIVULGE_BROWSER"
SECONDS = 120


def installed_browser() -> str | None:
    """The path of the first browser that is found: on PATH, else where this system's installers put it."""
    named = next(filter(None, map(shutil.which, BROWSERS)), None)
    places = (os.path.expandvars(place) for place in APPLICATIONS.get(sys.platform, ()))
    return named or next((place for place in places if Path(place).is_file()), None)


def print_pdf(html: str, path: Path) -> None:
    """Print a page into a file; raises InputError where no browser is found, or where it does not print."""
    browser = os.environ.get(VARIABLE) or installed_browser()
    if browser is None or not Path(browser).is_file():
        raise InputError(
            "a PDF is printed by Chromium, Chrome or Edge, and none was found: install one, name it in "
            f"{VARIABLE}, or open the HTML report and print it"
        )
    root = hasattr(os, "geteuid") and os.geteuid() == 0  # the sandbox of the browser does not work for root
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(html, encoding="utf-8")
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            "--virtual-time-budget=10000",
            *(["--no-sandbox"] if root else []),
            f"--print-to-pdf={folder}/page.pdf",
            page.as_uri(),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, encoding="utf-8", errors="replace", timeout=SECONDS, check=False
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            raise InputError(f"{browser} did not print the report ({type(error).__name__}): print the HTML") from error
        printed = Path(folder) / "page.pdf"
        if done.returncode or not printed.is_file():
            last_line = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise InputError(
                f"{browser} did not print the report ({last_line[:160]}): open the HTML report and print it"
            )
        path.write_bytes(printed.read_bytes())
