// How much happens where, for windows that hold more steps than can be drawn. It is counted by columns of one pixel that
// stand still while one pans, in tiles that are kept: a pan counts only what comes into sight.

import {K} from "./run.js";
import {el} from "./text.js";
import {rgb} from "./palette.js";

const tileWidth = 256;

// The groups that steps are counted in, from the lane outwards; the last one is drawn below the lane.
const groupOf = [];
groupOf[K.deliver] = 0;
groupOf[K.fact] = 1;
groupOf[K.sync] = groupOf[K.boot] = groupOf[K.crash] = groupOf[K.pause] = groupOf[K.resume] = 2;
groupOf[K.timer] = groupOf[K.invoke] = groupOf[K.return] = 3;
groupOf[K.drop] = 4;
const groups = 5;

// Density draws lanes of a diagram.
export class Density {
	constructor(view) {
		this.view = view;
		this.tiles = new Map();
		this.unit = 0; // of the axis, per column
	}

	// clear forgets all; repaint only the pictures.
	clear() { this.tiles.clear(); }
	repaint() { for (const t of this.tiles.values()) t.picture = undefined; }

	draw(d) {
		const {view} = this, unit = 1 / d.scale;
		// A pan changes the window's width by what floating-point numbers lose, and no more.
		if (!(Math.abs(unit - this.unit) < 1e-9 * unit) || this.axis !== view.axis || this.places !== view.run.places.length) {
			this.clear();
			this.unit = unit;
			this.axis = view.axis;
			this.places = view.run.places.length;
		}
		const look = [d.top, d.h, d.lane, d.ratio, view.scroll, d.fading && view.selected].join();
		const first = Math.floor(view.from / this.unit / tileWidth), last = Math.floor(view.to / this.unit / tileWidth);
		for (let k = first; k <= last; k++) {
			let t = this.tiles.get(k);
			if (!t || (t.indexed < view.run.indexed && !t.full)) this.tiles.set(k, t = this.count(k));
			if (t.look !== look || !t.picture) {
				t.picture = this.paint(t, d);
				t.look = look;
			}
			const x = d.left + (k * tileWidth * this.unit - view.from) * d.scale;
			d.c.drawImage(t.picture, Math.round(x * d.ratio) / d.ratio, d.top, tileWidth, t.picture.height / d.ratio);
		}
		if (this.tiles.size > 64) for (const k of this.tiles.keys()) if (k < first - 8 || k > last + 8) this.tiles.delete(k);
	}

	// count counts the steps of tile k: by lane, group and column.
	count(k) {
		const {view, unit} = this, {run} = view, {kind} = run.columns;
		const counts = new Uint32Array(run.places.length * groups * tileWidth), base = k * tileWidth * unit;
		const from = view.index(base), to = view.index(base + tileWidth * unit);
		const {at} = run.columns, byTime = view.axis === "time";
		for (let i = from; i < to; i++) {
			const p = run.place[i];
			if (p < 0) continue;
			const column = Math.floor(((byTime ? at[i] : i) - base) / unit);
			if (column >= 0 && column < tileWidth) counts[(p * groups + groupOf[kind[i]]) * tileWidth + column]++;
		}
		return {k, counts, from, to, indexed: run.indexed, full: to < run.indexed || run.complete};
	}

	// lit counts those of the causal past alone.
	lit(t) {
		const {view, unit} = this, {run, cone} = view;
		if (t.cone === cone) return t.lit;
		const {kind, at} = run.columns, byTime = view.axis === "time", base = t.k * tileWidth * unit;
		t.lit = new Uint32Array(t.counts.length);
		for (let i = t.from; i < t.to && i <= view.selected; i++) {
			if (!cone.has(i) || run.place[i] < 0) continue;
			const column = Math.floor(((byTime ? at[i] : i) - base) / unit);
			if (column >= 0 && column < tileWidth) t.lit[(run.place[i] * groups + groupOf[kind[i]]) * tileWidth + column]++;
		}
		t.cone = cone;
		return t.lit;
	}

	paint(t, d) {
		const {run} = this.view, ratio = d.ratio, height = Math.max(1, Math.round((d.h - d.top) * ratio)), width = Math.round(tileWidth * ratio);
		const picture = el("canvas", {width, height}), c = picture.getContext("2d");
		const image = c.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
		const colours = [d.p.blue, d.p.green, d.p.purple, d.p.quiet, d.p.vermillion].map(rgb);
		const layers = d.fading ? [[t.counts, 50], [this.lit(t), 215]] : [[t.counts, 205]];
		// As tall as it gets: four times what is usual.
		const usual = run.indexed / Math.max(1, run.places.length) / Math.max(1, (this.limits() / this.unit));
		const tall = n => Math.min(1, Math.sqrt(n / (4 * usual + 1)));
		const edge = Math.round(d.ribbon / 2 * ratio), up = d.lane * 0.46 * ratio - edge, down = d.lane * 0.36 * ratio - edge;
		for (let lane = d.firstLane; lane < d.lastLane; lane++) {
			const p = run.order[lane], middle = Math.round((d.y(p) - d.top) * ratio), flat = d.lane < 14;
			for (const [counts, alpha] of layers) {
				for (let column = 0; column < tileWidth; column++) {
					const at = p * groups * tileWidth + column;
					let sum = 0;
					for (let g = 0; g < groups - 1; g++) sum += counts[at + g * tileWidth];
					const lost = counts[at + (groups - 1) * tileWidth];
					if (sum === 0 && lost === 0) continue;
					const x1 = Math.round(column * ratio), x2 = Math.round((column + 1) * ratio);
					const bar = (top, bottom, [r, g, b], a) => {
						const colour = (a << 24 | b << 16 | g << 8 | r) >>> 0;
						for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) for (let x = x1; x < x2; x++) pixels[y * width + x] = colour;
					};
					const full = tall(sum);
					if (flat) {
						const half = Math.max(1, Math.floor(d.lane * ratio / 2)), colour = colours[lost > sum / 4 ? groups - 1 : 0];
						bar(middle - half, middle + half - 1, colour, Math.round(alpha * (0.25 + 0.75 * tall(sum + lost))));
						continue;
					}
					let y = middle - edge;
					for (let g = 0; g < groups - 1; g++) {
						const n = counts[at + g * tileWidth];
						if (n === 0) continue;
						const h = Math.max(1, Math.round(up * full * n / sum));
						bar(y - h, y, colours[g], alpha);
						y -= h;
					}
					if (lost > 0) bar(middle + edge, middle + edge + Math.max(2, Math.round(down * tall(lost))), colours[groups - 1], alpha);
				}
			}
		}
		c.putImageData(image, 0, 0);
		return picture;
	}

	limits() { const [low, high] = this.view.limits(); return high - low; }
}
