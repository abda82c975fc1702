// A list of any length, of which only what is in sight is in the document.

import {el} from "./text.js";

const tallest = 4e6; // pixels: browsers bound the height of elements

// List shows rows. What it is given has
//
//	length()        how many rows there are
//	fill(row, k)    fills the element of row k
//	pick(k)         row k was chosen
//	chosen()        the chosen row, or -1
export class List {
	constructor(root, label, rows, give) {
		Object.assign(this, give);
		this.rows = rows; // the height of one, in rem
		this.box = el("div", {class: "list", role: "listbox", tabindex: 0, "aria-label": label});
		this.room = el("div", {class: "room", role: "presentation"});
		this.box.append(this.room);
		root.append(this.box);
		this.at = 0;       // the row at the top, and a part of it
		this.pool = [];
		this.box.addEventListener("scroll", () => this.scrolled());
		this.box.addEventListener("wheel", e => this.wheel(e), {passive: false});
		this.box.addEventListener("keydown", e => this.key(e));
		this.box.addEventListener("click", e => {
			const row = e.target.closest("[role=option]");
			if (row) this.pick(Number(row.dataset.k));
		});
		new ResizeObserver(() => this.draw()).observe(this.box);
	}

	measure() {
		this.height = this.rows * (parseFloat(getComputedStyle(document.documentElement).fontSize) || 16);
		this.n = this.length();
		this.view = this.box.clientHeight;
		this.total = this.n * this.height;
		this.capped = Math.min(this.total, tallest);
		this.last = Math.max(0, this.n - this.view / this.height);
	}

	// scrolled follows the bar, unless it was moved from here.
	scrolled() {
		if (this.box.scrollTop === this.expected) return;
		const reach = this.capped - this.view;
		this.at = reach > 0 ? this.box.scrollTop / reach * this.last : 0;
		this.draw();
	}

	wheel(e) {
		if (this.total <= tallest) return;
		e.preventDefault();
		this.go(this.at + e.deltaY / this.height);
	}

	go(at) {
		this.measure();
		this.at = Math.min(Math.max(0, at), this.last);
		const reach = this.capped - this.view;
		this.box.scrollTop = this.last > 0 ? this.at / this.last * reach : 0;
		this.expected = this.box.scrollTop;
		this.draw();
	}

	// bring shows row k.
	bring(k) {
		this.measure();
		if (k < 0 || this.view === 0) { this.draw(); return; }
		const rows = this.view / this.height;
		if (k < this.at || k + 1 > this.at + rows) this.go(k - Math.max(0, rows / 2 - 0.5));
		else this.draw();
	}

	key(e) {
		const now = this.chosen(), page = Math.max(1, Math.floor(this.view / this.height) - 1);
		const to = {ArrowDown: now + 1, ArrowUp: now - 1, PageDown: now + page, PageUp: now - page, Home: 0, End: this.n - 1}[e.key];
		if (to === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
		e.preventDefault();
		e.stopPropagation();
		if (this.n > 0) this.pick(Math.min(Math.max(0, to), this.n - 1));
	}

	draw() {
		this.measure();
		if (this.view === 0) return;
		this.room.style.height = this.capped + "px";
		this.at = Math.min(this.at, this.last);
		const first = Math.max(0, Math.floor(this.at) - 2), end = Math.min(this.n, Math.ceil(this.at + this.view / this.height) + 2);
		const top = this.box.scrollTop - this.at * this.height, chosen = this.chosen();
		while (this.pool.length < end - first) {
			const row = el("div", {role: "option", class: "row"});
			this.pool.push(row);
			this.room.append(row);
		}
		this.pool.forEach((row, j) => {
			const k = first + j;
			row.hidden = k >= end;
			if (row.hidden) return;
			row.dataset.k = k;
			row.style.top = top + k * this.height + "px";
			row.style.height = this.height + "px";
			row.id = `${this.box.id || (this.box.id = "list" + Math.random().toString(36).slice(2))}-${k}`;
			row.setAttribute("aria-posinset", k + 1);
			row.setAttribute("aria-setsize", this.n);
			row.setAttribute("aria-selected", k === chosen);
			this.fill(row, k);
			if (k === chosen) this.box.setAttribute("aria-activedescendant", row.id);
		});
	}
}
