"""The laptop's cloud: what stands in for AWS, the carrier and the speech services on one machine."""
