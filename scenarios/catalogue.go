package scenarios

// Catalogue is the registry of the project's own scenarios.
func Catalogue() *Registry {
	return NewRegistry(
		arithmeticActive, arithmeticBackup, arithmeticArrival,
		raftElection, raftKV, raftLogService,
	)
}
