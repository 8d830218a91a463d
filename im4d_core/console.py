"""What the command lines share: progress bars, log lines, errors as one line, exit codes."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

_LINE_EVERY_S = 10.0
INTERRUPTED = 130  # what a shell reports of a program stopped by Ctrl+C
FAILURES = (ValueError, OSError, RuntimeError, FloatingPointError, MemoryError, ImportError)
"""What bad input and bad surroundings, such as a package that is missing, raise; anything else is a defect of ours and keeps its traceback."""

console = Console(stderr=True)


def log_to_console(verbose: bool) -> None:
    """Warnings, or everything when verbose, beside the progress bars."""
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_time=False, show_path=False, rich_tracebacks=False)],
    )
    for library in ("PIL", "matplotlib", "tensorboard"):
        logging.getLogger(library).setLevel(logging.WARNING)


@contextmanager
def bar(description: str) -> Iterator[Callable[[int, int], bool]]:
    """A progress bar, driven by calling what it gives with (done, total); it vanishes when all is done. Without a terminal a line is printed now and then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(description, total=None)
        said_s = time.monotonic()

        def update(done: int, total: int) -> bool:
            nonlocal said_s
            progress.update(task, completed=done, total=total)
            if not console.is_terminal and time.monotonic() - said_s > _LINE_EVERY_S:
                said_s = time.monotonic()
                sys.stderr.write(f"{description.strip()}: {done} of {total}\n")
            return True

        yield update


def run(command: Callable[[], int], *, verbose: bool) -> int:
    """Runs a command; what the user can put right becomes one line on stderr.

    Returns:
        The exit code: the command's own, 1 after a failure, 130 after Ctrl+C.
    """
    try:
        return command()
    except KeyboardInterrupt:
        console.print("interrupted")
        return INTERRUPTED
    except FAILURES as error:
        if verbose:
            logging.getLogger(__name__).debug("where it failed", exc_info=error)
        sys.stderr.write(f"error: {error or type(error).__name__}\n")
        return 1
