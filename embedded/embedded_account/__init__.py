"""An AWS account in one process, good enough to deploy the template and run it."""
