// A tab of a browser. When one tab lets the token of their session expire, all of them send
// requests at once. Each shows how many it has repeated with a new token, and how many refreshes it
// has sent.

import { browserStore, createClient, getAccount, getAccountStats } from "chat-backend-client";

import { Network, signUp } from "./support.ts";

const baseUrl = new URLSearchParams(location.search).get("api")!;
const store = browserStore();
const network = new Network();
const client = createClient({ baseUrl, store, fetch: network.fetch });
const start = new BroadcastChannel("start");
const output = document.body.appendChild(document.createElement("output"));

async function request(): Promise<void> {
  const results = await Promise.allSettled([
    getAccount({ client }),
    getAccountStats({ client }),
    getAccount({ client }),
  ]);
  const failures = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason)] : []));
  const refreshes = network.count("POST", "/api/auth/refresh");
  output.textContent = failures.length ? `failed: ${failures.join("; ")}` : `answered, refreshes: ${refreshes}`;
}

start.addEventListener("message", request);
Object.assign(window, {
  expire() {
    store.write({ ...store.read()!, token: "expired" }, null);
    start.postMessage(null);
    return request();
  },
});

if (!store.read()) await signUp({ baseUrl, slowQuestion: "" }, { store });
output.textContent = "ready";
