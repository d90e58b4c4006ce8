"""Metrics as numbers."""

from prometheus_client.parser import text_string_to_metric_families


def gauges(client):
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {sample.name: sample.value for family in families for sample in family.samples}
