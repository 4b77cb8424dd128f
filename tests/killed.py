"""Kill a process at some moment of its work, as tests of what is left behind do."""

import signal
from collections.abc import Callable
from typing import Any


def killed(context: Any, seconds: float, work: Callable[..., None], *given: Any) -> bool:
    """Do some work in a process that is killed after some seconds; return whether that came before its end.

    `work` gets what is given and a connection, by which it says "started".
    """
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(*given, sending))
    process.start()
    sending.close()
    with receiving:
        assert receiving.recv() == "started"
    process.join(seconds)
    process.kill()
    process.join()
    status: int = process.exitcode
    process.close()
    assert status in (0, -signal.SIGKILL)
    return status != 0
