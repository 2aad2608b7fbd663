// The client of the API, with the session of this browser.

import { browserStore, createClient } from "chat-backend-client";

export const store = browserStore();

/** A user waits three seconds for a repetition without being asked. */
export const client = createClient({ baseUrl: location.origin, store, maxWaitMs: 3000 });
