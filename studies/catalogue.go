package studies

// Catalogue lists the project's own studies, by name.
func Catalogue() []*Study {
	return []*Study{gossipEpidemic, gossipRounds, gossipScuttlebutt, gossipSpatial, gossipSwim, olepIsolation, olepScaling}
}
