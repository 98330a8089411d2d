"""What becomes of a run when Brightspace, the network, the disk or the process misbehaves."""
