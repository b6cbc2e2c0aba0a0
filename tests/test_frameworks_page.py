"""docs/frameworks.md runs as it stands, from the files that it tells the reader to save."""

import os
import re
import subprocess
import sys
from pathlib import Path

import crmlab as crm

ROOT = Path(__file__).resolve().parent.parent


def test_the_page_runs_as_it_stands(tmp_path):
    page = (ROOT / "docs/frameworks.md").read_text(encoding="utf-8")
    files = re.findall(r"`(\w+\.toml)`[^`]*?\n\n```toml\n(.*?)```", page, flags=re.S)
    assert [name for name, _ in files] == ["targets.toml", "sources.toml", "case.toml"]
    for name, text in files:
        (tmp_path / name).write_text(text, encoding="utf-8")
    crm.load_cdnow(sample=True).to_csv(tmp_path / "log.csv", index=False)
    code = "\n".join(re.findall(r"```python\n(.*?)```", page, flags=re.S))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for told in ("not_sure", "there is no survey", "acquired", "place", "technology", "interact:channel", "net_gain"):
        assert told in done.stdout, told
    assert re.search(r"probability of loss: 0\.\d+", done.stdout)
