// What users of the client do, over the network of a running stack. Each runs in Node.js and in a
// browser.

import {
  type AnswerEvent,
  ApiProblem,
  cancelMessage,
  createChatroom,
  getAccount,
  getAccountStats,
  getChatroom,
  listSessions,
  logOutUser,
  sendMessage,
  streamAnswer,
  waitForAnswer,
} from "chat-backend-client";

import { type Person, type Service, ask, assert, cutAfter, equal, rejection, signUp } from "./support.ts";

async function read({ client }: Person, message: string): Promise<AnswerEvent[]> {
  const events: AnswerEvent[] = [];
  for await (const event of streamAnswer(client, message)) events.push(event);
  return events;
}

/**
 * Asserts that the events are one answer, whole, with one end, and the same as the chatroom has.
 */
async function assertStored({ client }: Person, room: string, events: AnswerEvent[]): Promise<void> {
  const { messages } = (await getChatroom({ client, path: { id: room } })).data;
  const stored = messages.find(({ message_type }) => message_type === "ai")?.content;
  let text = "";
  for (const event of events) {
    if (event.type === "restart") text = "";
    if (event.type === "delta") text += event.delta;
  }
  equal(text, stored, "the text of the deltas");
  equal(events.at(-1)?.text, stored, "the text at the end");
  equal(events.filter(({ type }) => type === "done").length, 1, "ends");
  equal(events.at(-1)?.type, "done", "the last event");
}

export const journeys: Record<string, (service: Service) => Promise<void>> = {
  "an answer is read as it is written": async (service) => {
    const ada = await signUp(service);
    const { room, message } = await ask(ada, `${service.slowQuestion} plain`);
    const events = await read(ada, message);
    assert(events.filter(({ type }) => type === "delta").length > 3, "it comes in pieces");
    await assertStored(ada, room, events);
    equal(ada.network.count("GET", "/api/stream/"), 1, "connections");
  },

  "connections that are cut at any byte are resumed": async (service) => {
    const ada = await signUp(service);
    const cuts: number[] = [];
    ada.network.fail = (request, response) => {
      const isStream = new URL(request.url).pathname.startsWith("/api/stream/") && response.ok;
      // Enough for the state and a piece of text. The last event alone is longer.
      if (!isStream || cuts.length === 5) return response;
      cuts.push(200 + Math.floor(Math.random() * 400));
      return cutAfter(cuts.at(-1)!, response);
    };
    const { room, message } = await ask(ada, `${service.slowQuestion} cut`);
    const events = await read(ada, message);
    await assertStored(ada, room, events).catch((error: unknown) =>
      Promise.reject(new Error(`cut after ${cuts.join(", ")} bytes: ${String(error)}`)),
    );
    equal(cuts.length, 5, "cut connections");
    assert(
      ada.network.sent.some((request) => request.headers.has("last-event-id")),
      "it resumes after an event",
    );
  },

  "requests that find an expired token refresh it once": async (service) => {
    const ada = await signUp(service);
    const { client } = ada;
    const fresh = await ada.store.read();
    // For the service it is the token of nobody, as an expired one is.
    await ada.store.write({ ...fresh!, token: "expired" }, null);
    await Promise.all([
      getAccount({ client }),
      getAccountStats({ client }),
      listSessions({ client }),
      getAccount({ client }),
    ]);
    equal(ada.network.count("POST", "/api/auth/refresh"), 1, "refreshes");
    await ada.store.write({ ...(await ada.store.read())!, expiresAt: 0 }, null);
    await Promise.all([getAccount({ client }), getAccountStats({ client })]);
    equal(ada.network.count("POST", "/api/auth/refresh"), 2, "refreshes");
  },

  "a lost response to a refresh keeps the session": async (service) => {
    const ada = await signUp(service);
    const { client } = ada;
    let lost = 0;
    ada.network.fail = (request, response) => {
      if (!request.url.endsWith("/api/auth/refresh") || lost > 0) return response;
      lost += 1;
      throw new TypeError("lost");
    };
    await ada.store.write({ ...(await ada.store.read())!, expiresAt: 0 }, null);
    await getAccount({ client });
    equal(lost, 1, "lost responses");
    await ada.store.write({ ...(await ada.store.read())!, expiresAt: 0 }, null);
    await getAccount({ client });
  },

  "a message whose response is lost twice is stored once": async (service) => {
    const ada = await signUp(service);
    const { client } = ada;
    const { chatroom } = (await createChatroom({ client, body: {} })).data;
    let lost = 0;
    ada.network.fail = (request, response) => {
      if (!request.url.endsWith("/message") || lost === 2) return response;
      lost += 1;
      if (lost === 1) throw new TypeError("lost");
      return cutAfter(20, response);
    };
    const sent = await sendMessage({ client, path: { id: chatroom.id }, body: { content: "Only once" } });
    equal(sent.response.headers.get("idempotency-replayed"), "true", "Idempotency-Replayed");
    equal(ada.network.count("POST", `/api/chatroom/${chatroom.id}/message`), 3, "requests");
    await waitForAnswer(client, sent.data.message.id);
    const { messages } = (await getChatroom({ client, path: { id: chatroom.id } })).data;
    equal(messages.filter(({ message_type }) => message_type === "user").length, 1, "questions");
  },

  "a stream that a fourth one replaces ends with the answer too": async (service) => {
    const ada = await signUp(service);
    const { room, message } = await ask(ada, `${service.slowQuestion} four`);
    const readings = [];
    for (let reader = 0; reader < 4; reader += 1) {
      readings.push(read(ada, message));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const all = await Promise.all(readings);
    for (const events of all) equal(events.at(-1)?.text, all[3]!.at(-1)!.text, "the text at the end");
    await assertStored(ada, room, all[3]!);
    equal(ada.network.count("GET", "/api/stream/"), 4, "connections");
    assert(ada.network.count("GET", "/api/chatroom/message/") > 0, "the replaced one polls");
  },

  "an aborted stream throws, and the answer is written nevertheless": async (service) => {
    const ada = await signUp(service);
    const { message } = await ask(ada, `${service.slowQuestion} abort`);
    const controller = new AbortController();
    const reason = new Error("the page is left");
    const reading = (async () => {
      for await (const { type } of streamAnswer(ada.client, message, { signal: controller.signal }))
        if (type === "delta") controller.abort(reason);
    })();
    equal(await rejection(reading), reason, "the error");
    const outcome = await waitForAnswer(ada.client, message);
    equal(outcome.message.processing_status, "completed", "the state");
  },

  "a stopped answer ends with its text so far": async (service) => {
    const ada = await signUp(service);
    const { room, message } = await ask(ada, `${service.slowQuestion} stop`);
    const events: AnswerEvent[] = [];
    for await (const event of streamAnswer(ada.client, message)) {
      if (event.type === "delta" && !events.some(({ type }) => type === "delta"))
        void cancelMessage({ client: ada.client, path: { id: message } });
      events.push(event);
    }
    const last = events.at(-1);
    assert(last?.type === "done" && last.message.processing_status === "cancelled", "it is cancelled");
    equal(last.reply?.finish_reason, "cancelled", "the reason");
    await assertStored(ada, room, events);
  },

  "a refusal is a typed error": async (service) => {
    const { client } = await signUp(service);
    const error = await rejection(createChatroom({ client, body: { name: "" } }));
    assert(error instanceof ApiProblem, "it is a problem");
    equal(error.code, "validation_failed", "the code");
    assert(error.body.errors?.[0]?.startsWith("name: "), "the field is named");
    assert(error.requestId, "the request is named");
  },

  "a session that is ended elsewhere ends here, once": async (service) => {
    const ada = await signUp(service);
    const { client } = ada;
    await logOutUser({ client, body: { scope: "this" } });
    const error = await rejection(Promise.all([getAccount({ client }), getAccountStats({ client })]));
    assert(error instanceof ApiProblem && error.code === "not_authenticated", String(error));
    equal(await client.session.tokens(), null, "the tokens");
    equal(ada.network.count("POST", "/api/auth/refresh"), 1, "refreshes");
  },
};
