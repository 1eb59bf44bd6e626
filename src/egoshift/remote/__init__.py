"""Object stores: an address such as ``s3://bucket/folder`` is a path in a local cache that is filled when it is read.

All other rooms work on paths. A path in the cache says by itself which address it stands for, so that it may travel
like any other; ``here`` fetches what is read at once, ``whole`` and ``ranges`` what is opened when its turn comes
(videos), and ``work_on`` publishes what was written.
"""

from egoshift.remote.cache import here, ranges, whole
from egoshift.remote.places import cache_folder, name_of, path_of, shown, url_of
from egoshift.remote.publish import work_on

__all__ = ["cache_folder", "here", "name_of", "path_of", "ranges", "shown", "url_of", "whole", "work_on"]
