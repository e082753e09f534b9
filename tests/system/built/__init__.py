"""What the ring of tests on the built artifact stands on."""
