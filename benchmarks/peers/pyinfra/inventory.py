import json
from pathlib import Path

about = json.loads(Path("about.json").read_text())
macs = [("macstudio", about)]
