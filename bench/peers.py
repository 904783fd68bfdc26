"""Other products, as they were measured once beside a plain REST framework: in multiples of that, which runs here too.

They do not run here: Postiz 2.11.3 needs Node and PostgreSQL, BrightBean Studio PostgreSQL and Python 3.13. In August
2026 both were measured on two cores, in one run with the same plain list and plain creation as in `bench.baselines`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Requests per second, and the CPU of one with its database, in microseconds."""

    per_second: float
    cpu: float


@dataclass(frozen=True, kw_only=True)
class Peer:
    """What another product did, and what the plain baseline did in the same run."""

    measured: Figures
    beside: Figures

    def now(self, baseline: Figures) -> Figures:
        """Return what the product would do where the plain baseline does this."""
        return Figures(
            per_second=baseline.per_second * self.measured.per_second / self.beside.per_second,
            cpu=baseline.cpu * self.measured.cpu / self.beside.cpu,
        )


NAIVE_LIST = Figures(per_second=275, cpu=7_162)
NAIVE_CREATE = Figures(per_second=403, cpu=4_215)
POSTIZ_LIST = Peer(measured=Figures(per_second=287, cpu=4_591), beside=NAIVE_LIST)
POSTIZ_CREATE = Peer(measured=Figures(per_second=62, cpu=21_946), beside=NAIVE_CREATE)
BRIGHTBEAN_ONE = Peer(measured=Figures(per_second=140, cpu=13_249), beside=NAIVE_LIST)
BRIGHTBEAN_CREATE = Peer(measured=Figures(per_second=96, cpu=18_088), beside=NAIVE_CREATE)
POSTIZ_BACKEND_MIB = 498
"""Memory (PSS) of Postiz's backend alone, after a few hundred requests."""
