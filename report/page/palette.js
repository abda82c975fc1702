// Colours as the style sheet has them, for canvases. They are such as colour-blind readers can tell apart (a test computes
// it); nothing is told by a colour alone.

export const names = ["ink", "quiet", "faint", "paper", "panel", "rule", "accent", "orange", "sky", "green", "blue", "vermillion", "purple"];

// palette reads the colours that are in force: {ink: "#…", …, size: of the text in pixels, font}.
export function palette() {
	const style = getComputedStyle(document.documentElement);
	const p = {size: parseFloat(style.fontSize) || 16};
	for (const name of names) p[name] = style.getPropertyValue("--" + name).trim() || "#888888";
	p.font = (scale, weight = 400) => `${weight} ${Math.round(p.size * scale * 10) / 10}px system-ui, sans-serif`;
	p.roles = [p.orange, p.sky, p.quiet, p.green, p.purple];
	return p;
}

// roleColour is that of a role among all of a run.
export function roleColour(p, roles, role) { return p.roles[roles.indexOf(role) % p.roles.length] ?? p.quiet; }

// outcomes says the colour of an operation's outcome.
export function outcomeColour(p, outcome) { return {ok: p.green, fail: p.vermillion, info: p.orange}[outcome] || p.quiet; }

// rgb takes a colour of the style sheet, #rrggbb, apart.
export function rgb(colour) {
	const n = parseInt(colour.slice(1), 16);
	return [n >> 16 & 255, n >> 8 & 255, n & 255];
}

// mark adds the shape of a kind of step to a path.
export function mark(c, kind, x, y, r) {
	switch (kind) {
	case 2: // lost: a cross
		c.moveTo(x - r, y - r); c.lineTo(x + r, y + r);
		c.moveTo(x + r, y - r); c.lineTo(x - r, y + r);
		return;
	case 3: // a timer: a ring with a hand
		c.moveTo(x + r, y); c.arc(x, y, r, 0, 7);
		c.moveTo(x, y - 0.6 * r); c.lineTo(x, y); c.lineTo(x + 0.5 * r, y);
		return;
	case 4: // a boot: a triangle to the right
		c.moveTo(x, y - 1.4 * r); c.lineTo(x + 2 * r, y); c.lineTo(x, y + 1.4 * r); c.closePath();
		return;
	case 5: // a crash: a bolt
		c.moveTo(x - 0.4 * r, y - 1.8 * r); c.lineTo(x - 1.1 * r, y + 0.3 * r); c.lineTo(x - 0.1 * r, y + 0.1 * r);
		c.lineTo(x - 0.3 * r, y + 1.8 * r); c.lineTo(x + 1.1 * r, y - 0.5 * r); c.lineTo(x + 0.1 * r, y - 0.3 * r);
		c.lineTo(x + 0.6 * r, y - 1.8 * r); c.closePath();
		return;
	case 6: // a pause: two bars
		c.rect(x - r, y - r, 0.7 * r, 2 * r); c.rect(x + 0.3 * r, y - r, 0.7 * r, 2 * r);
		return;
	case 7: // and on: a bar and a triangle
		c.rect(x - r, y - r, 0.6 * r, 2 * r);
		c.moveTo(x, y - r); c.lineTo(x + 1.3 * r, y); c.lineTo(x, y + r); c.closePath();
		return;
	case 8: // a sync: a square
		c.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
		return;
	case 9: // a fact: a diamond
		c.moveTo(x, y - 1.3 * r); c.lineTo(x + 1.3 * r, y); c.lineTo(x, y + 1.3 * r); c.lineTo(x - 1.3 * r, y); c.closePath();
		return;
	case 10: // a fault: a triangle that stands on its point
		c.moveTo(x - 1.2 * r, y - r); c.lineTo(x + 1.2 * r, y - r); c.lineTo(x, y + 1.2 * r); c.closePath();
		return;
	default: // a message: a disc
		c.moveTo(x + r, y); c.arc(x, y, r, 0, 7);
	}
}

// markColour is that of a kind of step.
export function markColour(p, kind) {
	return [p.quiet, p.blue, p.vermillion, p.quiet, p.ink, p.vermillion, p.orange, p.ink, p.purple, p.green, p.orange, p.ink, p.ink][kind] || p.quiet;
}

// hollow kinds are drawn by their outline.
export const hollow = new Set([2, 3]);
