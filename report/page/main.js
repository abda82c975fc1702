import {Trace} from "./trace.js";
import {source} from "./source.js";

const about = JSON.parse(document.getElementById("about").textContent);
const trace = await Trace.open(await source(about));
document.getElementById("title").textContent = trace.header.scenario + " seed " + trace.header.seed;
document.getElementById("verdict").textContent = trace.header.verdict;
