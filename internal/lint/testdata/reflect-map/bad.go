package reflectmap

import mirror "reflect"

func bad(v mirror.Value) {
	_ = v.MapKeys()    // want reflect-map "reflect.Value.MapKeys"
	it := v.MapRange() // want reflect-map "reflect.Value.MapRange"
	for it.Next() {    // want reflect-map "reflect.MapIter.Next"
		v.SetIterKey(it)   // want reflect-map "reflect.Value.SetIterKey"
		v.SetIterValue(it) // want reflect-map "reflect.Value.SetIterValue"
	}
	for range v.Seq() { // want reflect-map "reflect.Value.Seq"
	}
	for range v.Seq2() { // want reflect-map "reflect.Value.Seq2"
	}
	keys := mirror.Value.MapKeys // want reflect-map "reflect.Value.MapKeys"
	it.Reset(v)                  // want reflect-map "reflect.MapIter.Reset"
	_ = keys
}
