// The happened-before cone of a step: what could have influenced it, after the rules of sim.Causal.

import {K} from "./run.js";

// Cone is the causal past of a step. It is found by one walk back over the messages, which yields the vector of the step:
// how many steps of each node it knows of. Whether another step is in the past is then a comparison with that.
export class Cone {
	constructor(run, i) {
		this.run = run;
		this.of = i;
		this.known = new Uint32Array(run.places.length);
		const {seq, place, origin, places, columns: {kind}} = run;
		let top = i;
		if (seq[i] === 0) { // it knows what its cause does
			const because = kind[i] === K.deliver || kind[i] === K.drop ? origin[i] : run.cause(i);
			if (because < 0 || seq[because] === 0) return;
			top = because;
		}
		const todo = [top];
		while (todo.length > 0) {
			const j = todo.pop(), p = place[j], {list} = places[p].steps;
			const known = this.known[p];
			for (let s = seq[j]; s > known; s--) { // back to what is known already
				const k = list[s - 1];
				if (kind[k] === K.deliver && origin[k] >= 0 && seq[origin[k]] !== 0) todo.push(origin[k]);
			}
			if (seq[j] > known) this.known[p] = seq[j];
		}
	}

	// has tells whether a step is in the past, or the step itself.
	has(j) {
		if (j === this.of) return true;
		const s = this.run.seq[j];
		return s !== 0 && j < this.of && s <= this.known[this.run.place[j]];
	}

	// list are the indexes of the past, in order. It is made once.
	list() {
		if (this.past) return this.past;
		const {seq, place} = this.run;
		let size = 0;
		for (const n of this.known) size += n;
		const list = new Uint32Array(size);
		let n = 0;
		for (let j = 0; j < this.of && n < size; j++) {
			if (seq[j] !== 0 && seq[j] <= this.known[place[j]]) list[n++] = j;
		}
		return this.past = list.subarray(0, n);
	}

	// last is the last step of a node that is known, as an index; -1 for none.
	last(p) { return this.known[p] > 0 ? this.run.places[p].steps.list[this.known[p] - 1] : -1; }
}
