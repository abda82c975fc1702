package scenarios

// Catalogue is the registry of the project's own scenarios.
func Catalogue() *Registry {
	return NewRegistry(append([]*Scenario{
		arithmeticActive, arithmeticBackup, arithmeticArrival, diskWAL,
		gossipAntiEntropy, gossipRumor, gossipScuttlebutt, gossipSwim,
		olepLog, olepLogRaft,
		raftDeposed, raftElection, raftKV, raftLogService,
	}, diskNaive...)...)
}
