package scenarios

// Catalogue is the registry of the project's own scenarios.
func Catalogue() *Registry {
	return NewRegistry(append([]*Scenario{
		arithmeticActive, arithmeticBackup, arithmeticArrival, diskWAL,
		gossipAntiEntropy, gossipRumor, gossipScuttlebutt, gossipSwim,
		olepAssets, olepDualWrites, olepLog, olepLogRaft, olepOneLog, olepPayments, olepStream, olepStreamAtLeastOnce, olepTwoPhase, olepViews,
		raftDeposed, raftElection, raftKV, raftLogService,
	}, diskNaive...)...)
}
