package scenarios

// Catalogue is the registry of the project's own scenarios.
func Catalogue() *Registry {
	return NewRegistry(append([]*Scenario{
		arithmeticActive, arithmeticBackup, arithmeticArrival, diskWAL,
		gossipAntiEntropy, gossipRumor, gossipScuttlebutt, gossipSwim,
		olepAssets, olepDualWrites, olepLastResource, olepLog, olepLogRaft, olepOneLog, olepPayments, olepReadSkew, olepSplit,
		olepStream, olepStreamAtLeastOnce, olepTransactions, olepTwoPhase, olepViews,
		raftDeposed, raftElection, raftKV, raftLogService,
	}, diskNaive...)...)
}
