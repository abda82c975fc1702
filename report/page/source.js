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

async function served(url) {
	const head = await fetch(url, {method: "HEAD"});
	if (!head.ok) throw new Error("the trace is not served: " + head.status);
	return {
		size: Number(head.headers.get("Content-Length")),
		bytes: async (from, to) => {
			const r = await fetch(url, {headers: {Range: `bytes=${from}-${to - 1}`}});
			if (r.status !== 206) throw new Error("the trace is not served by ranges: " + r.status);
			return new Uint8Array(await r.arrayBuffer());
		},
	};
}
