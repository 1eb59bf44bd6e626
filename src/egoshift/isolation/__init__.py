"""Work on files of strangers in another process: a crash, a hang or too much memory there costs one file, not the run.

A codec is a hundred thousand lines of C that read what somebody else wrote. Within ``isolated``, whoever opens media
asks a child process for it, by ``ask`` and ``stream``. The child can write no file, has no secrets in its environment,
and is ended when it exceeds its memory, when it is silent for too long, and when this process ends, however that
happens. What comes back are numbers and texts (never pickles, which could run code here), at most one array at a time.
"""

from egoshift.isolation.beating import beat
from egoshift.isolation.isolating import Walls, ask, is_isolated, isolated, stream, walls

__all__ = ["Walls", "ask", "beat", "is_isolated", "isolated", "stream", "walls"]
