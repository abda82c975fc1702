// The steps that an address asks for: ?from=1800&to=1900, either of which may be left out.

import {shown, grouped} from "./text.js";

// Asked are they: from and to are undefined where nothing is asked for, or nothing that there could be.
export class Asked {
	constructor(search) {
		const given = new URLSearchParams(search);
		this.wrong = "";
		for (const name of ["from", "to"]) {
			const text = given.get(name);
			if (text === null) continue;
			if (/^[1-9]\d{0,14}$/.test(text)) this[name] = Number(text);
			else this.wrong ||= `?${name}=${text} is no step`;
		}
		if (this.from > this.to) {
			this.wrong ||= `?from=${this.from} is behind to=${this.to}`;
			this.from = this.to = undefined;
		}
	}

	// trouble says what is wrong with what was asked for, of a file, and what would be right; "" if nothing is.
	trouble({first, last}) {
		let wrong = this.wrong;
		if (Math.max(this.from ?? 0, this.to ?? 0) > last) wrong ||= `There is no step ${grouped(Math.max(this.from ?? 0, this.to ?? 0))}`;
		const right = first < last ? `?from=${first}&to=${last}` : `?from=${first}`;
		return wrong && shown(`${wrong}: this run has the steps ${grouped(first)} to ${grouped(last)}, so write ${right} or a part of it.`, 400);
	}

	// ends are the first and the last of the steps, of those that are loaded; undefined if all of them were asked for.
	ends({first, last}) {
		const from = Math.min(Math.max(this.from ?? first, first), last), to = Math.max(from, Math.min(this.to ?? last, last));
		return from > first || to < last ? [from, to] : undefined;
	}
}
