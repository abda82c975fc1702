// Long work in short pieces, so that the page stays alive.

const channel = new MessageChannel();
const waiting = [];
channel.port1.onmessage = () => waiting.shift()();

// turn lets everything else have its turn.
export function turn() { return new Promise(done => { waiting.push(done); channel.port2.postMessage(0); }); }

// pacer is a pause for loops: it lets others have their turn once the loop has had its milliseconds.
export function pacer(budget = 12) {
	let since = performance.now();
	return async () => {
		if (performance.now() - since < budget) return;
		await turn();
		since = performance.now();
	};
}

// Job is work of which there is one at a time: who starts another ends the last, at its next pause.
export class Job {
	constructor() { this.number = 0; }

	// start runs work(pause, alive). What pause throws ends it.
	async start(work) {
		const number = ++this.number;
		const paced = pacer();
		const alive = () => this.number === number;
		try {
			await work(async () => {
				await paced();
				if (!alive()) throw superseded;
			}, alive);
		} catch (e) {
			if (e !== superseded) throw e;
		}
	}

	stop() { this.number++; }
}

const superseded = new Error("there is other work");
