"""Formulas come without the command line of the package that they are made with."""

import subprocess
import sys


def test_formulas_bring_no_prompt_along() -> None:
    """Loaded in a process of their own, they leave completion and colours where they are."""
    code = "import sys, mapping.formulas; sys.exit('prompt_toolkit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
