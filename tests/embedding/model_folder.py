"""What stands in a folder of models."""

from lookalike.embedding import describe_models


def status_of(name, models):
    return {status.description.name: status for status in describe_models(models)}.get(name)


def leftovers(models):
    return [path.name for path in models.iterdir() if path.name.startswith(".unfinished")]
