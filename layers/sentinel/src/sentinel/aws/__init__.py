"""The edge: the only package that knows boto3."""
