"""Training of the shipped models. Nothing here is imported when the pipeline runs."""
