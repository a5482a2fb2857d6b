"""What the authors of connectors are promised: the scaffold, the guide, and a distribution of somebody else."""
