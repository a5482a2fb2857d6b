"""What connector authors test with: simulators, fixture cases and the conformance kit."""
