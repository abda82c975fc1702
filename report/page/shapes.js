// What is drawn besides steps, for the diagram and its legend.

import {el} from "./text.js";

// hatching is the pattern of a stretch in which a node is "down" or "paused".
export function hatching(c, p, state) {
	const tile = el("canvas", {width: 8, height: 8}), t = tile.getContext("2d"), down = state === "down";
	t.strokeStyle = down ? p.quiet : p.orange;
	t.globalAlpha = down ? 0.55 : 0.5;
	t.lineWidth = down ? 1 : 1.4;
	t.beginPath();
	if (down) {
		for (const o of [-8, 0, 8]) { t.moveTo(o - 1, 9); t.lineTo(o + 9, -1); }
	} else {
		t.moveTo(2, 0); t.lineTo(2, 8);
	}
	t.stroke();
	return c.createPattern(tile, "repeat");
}

// faultBar is a fault above the lanes.
export function faultBar(c, p, x, y, width, height, chosen) {
	c.globalAlpha = chosen ? 1 : 0.34;
	c.fillStyle = chosen ? p.accent : p.orange;
	c.beginPath();
	c.roundRect(x, y, width, height, 2);
	c.fill();
	c.globalAlpha = 1;
}

// violationLine is where a run is violated, and violationStar on whom, or what shows it.
export function violationLine(c, p, x, from, to) {
	c.strokeStyle = p.vermillion;
	c.lineWidth = 1.5;
	c.setLineDash([4, 3]);
	c.beginPath();
	c.moveTo(x, from);
	c.lineTo(x, to);
	c.stroke();
	c.setLineDash([]);
}

export function violationStar(c, p, x, y, r) {
	c.beginPath();
	for (let n = 0; n < 10; n++) {
		const a = -Math.PI / 2 + n * Math.PI / 5, d = n % 2 === 0 ? r : r * 0.45;
		if (n === 0) c.moveTo(x + d * Math.cos(a), y + d * Math.sin(a)); else c.lineTo(x + d * Math.cos(a), y + d * Math.sin(a));
	}
	c.closePath();
	c.fillStyle = p.vermillion;
	c.fill();
	c.lineWidth = 1.5;
	c.strokeStyle = p.paper;
	c.stroke();
}

// frontierMarks show, at each of the places, how far in a lane the chosen step knows.
export function frontierMarks(c, p, places) {
	c.strokeStyle = p.accent;
	c.lineWidth = 1.5;
	c.globalAlpha = 0.8;
	c.beginPath();
	for (const {x, y, height: h} of places) {
		c.moveTo(x + 2, y - h);
		c.quadraticCurveTo(x + 6, y, x + 2, y + h);
	}
	c.stroke();
	c.globalAlpha = 1;
}
