"""One installation of Nanum on one machine, without Docker: its own servers, programs, ports, secrets and logs.

Everything it owns lies in one directory (`.nanum/` by default), and nothing of it listens beyond 127.0.0.1.
"""

from deploy.local.installation import Installation
from deploy.local.problems import InstallationError

__all__ = ["Installation", "InstallationError"]
