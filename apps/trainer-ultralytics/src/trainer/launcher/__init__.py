"""The launcher: forks a supervisor for each attempt from a process that has imported everything."""
