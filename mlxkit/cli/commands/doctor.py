"""`mlxkit doctor`."""

import click

from mlxkit.cli import options
from mlxkit.cli.output import show


@click.command()
@options.output
def doctor(form: str, quiet: bool) -> None:
    """Tell whether all parts of mlxkit work on this machine.

    It makes no use of the network, and shows paths below the home folder as ~.

    \b
    mlxkit doctor
    """
    from mlxkit.usecases.doctor import DoctorPlan
    from mlxkit.usecases.doctor import doctor as examine

    del quiet  # there is nothing to be quiet about: it takes two seconds
    show(examine(DoctorPlan()), form)
