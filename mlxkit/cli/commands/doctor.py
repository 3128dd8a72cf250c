"""`mlxkit doctor`."""

import click

from mlxkit.cli import options
from mlxkit.cli.output import show


@click.command()
@options.output
def doctor(form: str, quiet: bool) -> None:
    """Tell what this machine is and whether all parts of mlxkit work on it, without the network.

    \b
    mlxkit doctor
    """
    from mlxkit.usecases.doctor import DoctorPlan
    from mlxkit.usecases.doctor import doctor as examine

    del quiet  # there is nothing to be quiet about: it takes two seconds
    show(examine(DoctorPlan()), form)
