package reflectmap

import "reflect"

type value struct{}

func (value) MapKeys() []string { return nil }

func good(v reflect.Value, own value) {
	_ = v.MapIndex(v.Field(0))
	v.SetMapIndex(v, v)
	for i := range v.Len() {
		_ = v.Index(i)
	}
	for range own.MapKeys() {
	}
	// One mark lets a walk through: what it yields is not judged again.
	for it := v.MapRange(); it.Next(); { //seedbed:ok reflect-map the walk has no result
		_, _ = it.Key(), it.Value()
	}
}
