"""Names of backends: a framework, and the program by which the framework trains a model."""

from reports.records.base import Number, Record


class BackendFacts(Record):
    """A backend: a framework, and the program by which the framework trains a model.

    `display_name` ends with the program; in records of earlier versions it does not.
    """

    display_name: str
    framework: str
    program: str
    repeats: str = ""  # the backend whose program this is again, as a second contestant; "": none
    user_program: bool = False  # a user's file, with layers that are not the framework's
    source_text: str | None = None  # that shows the program, or of a user's whole file; None: not recorded

    @property
    def name(self) -> str:
        """The name in tables and legends: "Flax, compiled epoch"."""
        return f"{self._framework}, {self.program}"

    @property
    def phrase(self) -> str:
        """The name in a sentence: "the compiled epoch in Flax". A time is that of a program, not of a framework."""
        return f"the {self.program} in {self._framework}"

    @property
    def _framework(self) -> str:
        return self.display_name.removesuffix(f", {self.program}")


class NullTest(Record):
    """The smallest differences that a machine could show when each program was compared with itself."""

    started: str  # of the null test, ISO 8601, UTC
    smallest: dict[str, Number]  # by backend: 0.06 means that a difference below 6 % cannot be shown


def backends_of_version_0_1() -> dict[str, BackendFacts]:
    """Return the backends of version 0.1, whose manifests do not describe them."""
    facts = {
        "pytorch": ("PyTorch", "eager loop"),
        "keras": ("Keras", "compiled epoch"),
        "flax": ("Flax", "compiled epoch"),
        "keras-jax": ("Keras on JAX", "compiled epoch"),
        "keras-torch": ("Keras on torch", "eager loop"),
        "reference": ("NumPy", "eager loop"),
    }
    return {
        name: BackendFacts(display_name=framework, framework=framework, program=program)
        for name, (framework, program) in facts.items()
    }
