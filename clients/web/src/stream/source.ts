// The real source of a followed message: the streaming host if there is one, and the API.

import { getStatus } from "../api/api.ts";
import { ApiProblem, Unreachable, fetchWithToken, sleep } from "../api/http.ts";
import type { Source } from "./follow.ts";

interface Config {
  stream_base_url?: string | null;
}

let config: Promise<Config> | null = null;

/** What the service says about itself. A service without `/api/config` does not stream. */
function loadConfig(): Promise<Config> {
  config ??= fetch("/api/config")
    .then(async (response) => (response.ok ? ((await response.json()) as Config) : response.status === 404 ? {} : Promise.reject(new Error())))
    .catch(() => {
      config = null;
      return {};
    });
  return config;
}

export const sourceOf = (message: string): Source => ({
  async open(lastEventId, signal) {
    const { stream_base_url } = await loadConfig();
    if (typeof stream_base_url !== "string") return null;
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (lastEventId) headers["last-event-id"] = lastEventId;
    return fetchWithToken(`${stream_base_url.replace(/\/$/, "")}/api/stream/${message}`, { headers, signal });
  },
  poll: (wait, signal) => getStatus(message, wait, signal),
  sleep,
  isPassing: (error) =>
    error instanceof Unreachable || error instanceof TypeError || (error instanceof ApiProblem && (error.status === 429 || error.status >= 500)),
});
