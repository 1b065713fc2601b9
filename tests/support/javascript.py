"""JavaScript from a test: under Node if it is installed, else in Chromium."""

import json
import shutil
import subprocess

from playwright.sync_api import sync_playwright

BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_RUNNER = "const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));"


def evaluate(tool, function, *given):
    """What a function, as text, returns for these arguments; all of it as JSON.

    `tool` is the fixture of that name.
    """
    node = shutil.which("node")
    if node is None:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=tool("chromium"), args=BROWSER)
            result = browser.new_page().evaluate(f"(given) => ({function})(...given)", list(given))
            browser.close()
            return result
    script = f"{_RUNNER} process.stdout.write(JSON.stringify(({function})(...given)))"
    done = subprocess.run(
        [node, "-e", script],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
