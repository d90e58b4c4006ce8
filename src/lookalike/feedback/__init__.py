"""What people saw and did: online metrics, position bias, experiments, simulated users. Pure functions over arrays."""
