"""A lesson opened in JupyterLab by a browser, as after `make lab`, and run to its end."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from crmlab.course.lessons import copy_lessons

pytestmark = pytest.mark.slow
TOKEN = "a-token-for-the-test"

# What JupyterLab's notebook model holds now: its code cells as the file format has them
STATE = """
const panel = window.jupyterapp && window.jupyterapp.shell.currentWidget;
if (!panel || !panel.content || !panel.content.model || !panel.sessionContext) return null;
const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
const cells = panel.content.model.toJSON().cells.filter(
    cell => cell.cell_type === "code" && cell.source.toString().trim());
return {status: kernel ? kernel.status : "none", ready: panel.sessionContext.isReady,
        counts: cells.map(cell => cell.execution_count),
        errors: cells.flatMap(cell => cell.outputs).filter(output => output.output_type === "error")
                     .map(output => output.ename + ": " + output.evalue)};
"""


@pytest.fixture
def server(tmp_path):
    """JupyterLab on a copy of the lessons, started as the Makefile does."""
    folder = tmp_path / "lessons"
    copy_lessons(folder)
    for path in folder.glob("*.ipynb"):  # so that what is seen later was run here
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        path.write_text(json.dumps(notebook), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = ["--allow-root"] if os.geteuid() == 0 else []
    options = [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    options.append("--LabApp.expose_app_in_browser=True")
    homes = {name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    homes |= {
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "s"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "w"),
    }
    path = os.pathsep.join(filter(None, [str(Path(__file__).resolve().parents[1]), os.environ.get("PYTHONPATH")]))
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", str(folder), "--no-browser", *root, *options],
        env=os.environ | homes | {"PYTHONPATH": path}, stdout=log, stderr=subprocess.STDOUT,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert process.poll() is None, (tmp_path / "log").read_text()
            try:
                urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5).close()
                break
            except OSError:
                time.sleep(0.25)
        yield address, folder
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def wait(what, seconds, seen):
    """The first true result of `seen`, asked again for `seconds`."""
    until = time.monotonic() + seconds
    while not (result := seen()):
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(0.5)
    return result


def test_a_lesson_runs_to_its_end_in_the_browser(browser, server, tmp_path):
    from selenium.webdriver.common.keys import Keys

    address, folder = server
    (lesson,) = folder.glob("05-*.ipynb")
    browser.get(f"{address}/lab/tree/{lesson.name}?token={TOKEN}&reset")
    state = wait("the lesson opens", 120, lambda: (s := browser.execute_script(STATE)) and s["ready"] and s)
    assert state["counts"] and not any(state["counts"])

    browser.execute_script("window.jupyterapp.commands.execute('notebook:run-all-cells')")

    def ended():
        now = browser.execute_script(STATE)
        done = all(count is not None for count in now["counts"]) and now["status"] == "idle"
        return now if done or now["errors"] else None

    state = wait("the lesson runs", 600, ended)
    browser.save_screenshot(str(tmp_path / "lesson.png"))
    assert state["errors"] == []
    assert state["counts"] == list(range(1, len(state["counts"]) + 1))

    # the cards live in the page, and their keys are theirs alone
    where = """const cells = panel.content.widgets;
        const at = cells.findIndex(cell => cell.model.sharedModel.source.startsWith("crm.cards("));"""
    browser.execute_script(
        f"const panel = window.jupyterapp.shell.currentWidget; {where} panel.content.scrollToItem(at);"
    )
    front = wait(
        "the cards show", 60, lambda: browser.find_elements("css selector", ".crmlab.cards.live li.now summary")
    )
    lab = (
        "const book = window.jupyterapp.shell.currentWidget.content; return [book.widgets.length, book.activeCellIndex]"
    )
    front[0].send_keys(Keys.ARROW_RIGHT)
    assert browser.find_element("css selector", ".crmlab.cards .count").text.startswith("2 of ")
    before = browser.execute_script(lab)
    browser.switch_to.active_element.send_keys("a")  # in JupyterLab: a new cell above
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert browser.execute_script(lab) == before
    browser.save_screenshot(str(tmp_path / "cards.png"))
