// Where a trace comes from, and its story: the page itself, or the server.

// source is that of the next run of this page: {size, bytes(from, to)}.
export async function source(about) {
	if (about.served) return served("trace");
	const holder = document.querySelector("script.trace"), text = holder.textContent;
	holder.remove(); // it is large
	const b = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), c => c.charCodeAt(0));
	return {size: b.length, bytes: (from, to) => b.subarray(from, to)};
}

// story is that of a run which is served.
export async function story() {
	const r = await fetch("story");
	if (!r.ok) throw new Error(await r.text());
	return r.json();
}

const chunk = 1 << 20; // bytes that are asked for at once: a request for each block would take longer than all else
const kept = 8;        // chunks

async function served(url) {
	const head = await fetch(url, {method: "HEAD"});
	if (!head.ok) throw new Error("the trace is not served: " + head.status);
	const size = Number(head.headers.get("Content-Length")), chunks = new Map(); // by number, in the order of use: promises
	const get = async n => {
		const r = await fetch(url, {headers: {Range: `bytes=${n * chunk}-${Math.min(size, (n + 1) * chunk) - 1}`}});
		if (r.status !== 206) throw new Error("the trace is not served by ranges: " + r.status);
		return new Uint8Array(await r.arrayBuffer());
	};
	const at = n => {
		const known = chunks.get(n) ?? get(n);
		chunks.delete(n);
		chunks.set(n, known);
		if (chunks.size > kept) chunks.delete(chunks.keys().next().value);
		known.catch(() => { if (chunks.get(n) === known) chunks.delete(n); }); // so that it is asked for again
		return known;
	};
	return {
		size,
		bytes: async (from, to) => {
			const first = Math.floor(from / chunk), last = Math.floor((Math.min(to, size) - 1) / chunk), parts = [];
			for (let n = first; n <= last; n++) parts.push(at(n));
			if ((last + 1) * chunk < size) at(last + 1); // the next is on its way when it is wanted
			return joined(await Promise.all(parts)).subarray(from - first * chunk, to - first * chunk);
		},
	};
}

function joined(parts) {
	if (parts.length === 1) return parts[0];
	const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
	let n = 0;
	for (const p of parts) {
		all.set(p, n);
		n += p.length;
	}
	return all;
}
