// The journeys on a page, which shows the result of each and then of all.

import { journeys } from "./journey.ts";

const query = new URLSearchParams(location.search);
const service = { baseUrl: query.get("api")!, slowQuestion: query.get("slow")! };
const list = document.body.appendChild(document.createElement("ol"));
const output = document.body.appendChild(document.createElement("output"));

const failures: string[] = [];
for (const [name, journey] of Object.entries(journeys)) {
  const item = list.appendChild(document.createElement("li"));
  const result = await journey(service).then(() => "passed", String);
  item.textContent = `${name}: ${result}`;
  if (result !== "passed") failures.push(item.textContent);
}
output.textContent = failures.length ? `failed: ${failures.join("; ")}` : `passed: ${list.children.length}`;
