"""Which backends compute the same function, and learn the same way, as the oracle."""

from reports.records.base import SCHEMA, Number, Record


class Check(Record):
    """One backend against the oracle, for one case and one dtype. Figures are relative differences."""

    backend: str
    case: str
    dtype: str
    steps: int  # optimizer steps compared
    outputs: Number
    gradients: Number
    losses: Number
    weights: Number
    bounds: dict[str, float]  # by the names above
    windows_digest: str
    order_digest: str
    parameter_count: int
    kernel: str
    failure: str | None  # None: within every bound; else one sentence

    @property
    def passed(self) -> bool:
        return self.failure is None


class Certificate(Record):
    """The checks of all backends and cases of a run."""

    schema_version: int = SCHEMA
    checks: tuple[Check, ...]

    def failures(self, backend: str, case: str) -> tuple[str, ...]:
        """Why a backend's times in a case are not comparable; empty where they are."""
        mine = [check for check in self.checks if check.backend == backend and check.case == case]
        if not mine:
            return ("it was not checked against the oracle",)
        return tuple(f"{check.dtype}: {check.failure}" for check in mine if check.failure)
