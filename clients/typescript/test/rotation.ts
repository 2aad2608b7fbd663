// A service whose refresh tokens are valid once.

import { type Handler, bearer, issued, json, problem } from "./support.ts";

export const REFRESH = "POST /api/auth/refresh";

/** A service that takes the token of the latest refresh only. */
export function rotating(): Handler {
  let valid = "first";
  let count = 0;
  return async (request, path) => {
    if (path === "/api/auth/refresh") {
      const { refresh_token } = (await request.json()) as { refresh_token: string };
      // A moment later: requests that come meanwhile must wait for this one.
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (refresh_token !== `refresh-${valid}` && refresh_token !== "refresh-old")
        return problem(401, "invalid_refresh_token");
      count += 1;
      valid = `new-${count}`;
      return json(200, issued(valid));
    }
    return bearer(request) === `Bearer ${valid}` ? json(200, { success: true }) : problem(401, "not_authenticated");
  };
}

export const refreshes = (sent: string[]) => sent.filter((one) => one === REFRESH).length;
