"""Builds the native kernels while elman is installed or a wheel is made; without a compiler, elman does without. Puts
the lessons into a wheel."""

import importlib.util
import platform
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUILD = Path("src/elman/recurrence/native/build.py")


class KernelHook(BuildHookInterface):
    """Adds `_kernels.so` and the lessons to what is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it gathers the files."""
        if version != "editable":  # an editable install finds them in the checkout
            for script in Path(self.root, "lessons").glob("[0-9]*.py"):
                build_data["force_include"][str(script)] = f"elman/lessons/scripts/{script.name}"
        spec = importlib.util.spec_from_file_location("build_kernels", Path(self.root) / BUILD)
        assert spec
        assert spec.loader
        kernels = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(kernels)
        kernels.LIBRARY.unlink(missing_ok=True)  # a library of other sources is worse than none
        try:
            kernels.build()
        except kernels.BuildError as error:
            self.app.display_warning(f"elman goes without native kernels: {error}")
            return
        # A Python for both processors of a Mac says so; the kernels are for the one that they are built on.
        system = sysconfig.get_platform().replace("universal2", platform.machine())
        tag = system.replace("-", "_").replace(".", "_")
        build_data.update(pure_python=False, tag=f"py3-none-{tag}")
        build_data["artifacts"].append(str(kernels.LIBRARY.relative_to(self.root)))
