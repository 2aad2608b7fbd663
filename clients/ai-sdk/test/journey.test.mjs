// What a page does with an unmodified chat of the AI SDK, over the bytes of a running stack. The end-to-end
// tests of `dev/tests` start the stack, script the model, and run this.

import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { describe, test } from "node:test";

const baseUrl = process.env.E2E_BASE_URL;
/** The beginning of a question that is answered slowly, and of a question that the model refuses. */
const slow = process.env.E2E_SLOW_QUESTION;
const blocked = process.env.E2E_BLOCKED_QUESTION;

async function call(method, path, body, token) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const response = await fetch(baseUrl + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
}

async function signUp() {
  const number = `+49151${randomInt(1e7, 1e8)}`;
  const { otp } = await call("POST", "/api/auth/send-signup-otp", { mobile_number: number });
  const account = { mobile_number: number, otp, name: "Ada", password: "four words chosen at random" };
  return (await call("POST", "/api/auth/verify-signup-otp", account)).token;
}

const textOf = (message) => message.parts.map((part) => part.text ?? "").join("");

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

for (const [version, names] of Object.entries({ 6: ["ai-6", "@ai-sdk/react-6"], 7: ["ai", "@ai-sdk/react"] })) {
  const [{ DefaultChatTransport }, { Chat }] = await Promise.all(names.map((name) => import(name)));
  const open = (token, id = randomUUID(), more = {}) => {
    const transport = new DefaultChatTransport({ api: `${baseUrl}/api/chat`, headers: { authorization: `Bearer ${token}` } });
    return new Chat({ id, transport, ...more });
  };

  describe(`AI SDK ${version}`, () => {
    test("whole conversations are posted; other answers and edits are versions", async () => {
      const token = await signUp();
      const chat = open(token);
      await chat.sendMessage({ text: "first question" });
      assert.equal(chat.status, "ready", chat.error?.message);
      const [question, answer] = chat.messages;
      assert.match(textOf(answer), /first question/);
      assert.equal(answer.parts.filter((part) => part.type.startsWith("data-")).length, 0, "data is transient");
      const room = `/api/chatroom/${answer.metadata.chatroom_id}`;

      await chat.regenerate();
      assert.equal(chat.status, "ready", chat.error?.message);
      assert.notEqual(chat.messages[1].id, answer.id);
      assert.equal(chat.messages[1].metadata.question_id, answer.metadata.question_id);

      await chat.sendMessage({ text: "second question" });
      assert.match(textOf(chat.messages[3]), /second question/);

      await chat.sendMessage({ text: "corrected question", messageId: question.id });
      assert.equal(chat.status, "ready", chat.error?.message);
      assert.equal(chat.messages.length, 2);
      assert.match(textOf(chat.messages[1]), /corrected question/);

      const { messages } = await call("GET", room, undefined, token);
      assert.deepEqual(messages.map((message) => message.content), chat.messages.map(textOf));
      assert.equal(messages[0].siblings.count, 2);
    });

    test("another tab resumes with all text under the same id, and Stop ends both", async () => {
      const token = await signUp();
      const data = [];
      const first = open(token, undefined, { onData: (part) => data.push(part.type) });
      // An answer that takes long is not finished when its stream opens, so its state is shown.
      const text = `${slow} ${randomUUID()}`;
      const sent = first.sendMessage({ text });
      await until(() => first.messages.length === 2 && textOf(first.messages[1]).length > 0);
      const second = open(token, first.id);
      const resumed = second.resumeStream();
      await until(() => second.messages.length === 1 && textOf(second.messages[0]).length > 0);
      const { id, metadata } = first.messages[1];
      assert.equal(second.messages[0].id, id);
      assert.ok(data.includes("data-status"), data.join());

      await call("POST", `/api/chatroom/message/${metadata.question_id}/cancel`, undefined, token);
      await Promise.all([sent, resumed]);
      for (const chat of [first, second]) {
        assert.equal(chat.status, "ready", chat.error?.message);
        assert.equal(chat.messages.at(-1).metadata.finish_reason, "cancelled");
      }
      assert.equal(textOf(first.messages[1]), textOf(second.messages[0]));
      // Nothing is being written any more.
      await second.resumeStream();
      assert.equal(second.status, "ready", second.error?.message);
    });

    test("a closed connection does not stop the answer, and a resumed one replaces its text", async () => {
      const token = await signUp();
      const chat = open(token);
      const sent = chat.sendMessage({ text: `${slow} ${randomUUID()}` });
      await until(() => chat.messages.length === 2 && textOf(chat.messages[1]).length > 0);
      await chat.stop();
      await sent;
      const before = textOf(chat.messages[1]);
      const resumed = chat.resumeStream();
      await until(() => textOf(chat.messages.at(-1)).length >= before.length);
      assert.equal(chat.messages.length, 2);
      assert.ok(textOf(chat.messages[1]).startsWith(before));
      await call("POST", `/api/chatroom/message/${chat.messages[1].metadata.question_id}/cancel`, undefined, token);
      await resumed;
      assert.equal(chat.status, "ready", chat.error?.message);
    });

    test("failures are problem documents", async () => {
      const token = await signUp();
      const chat = open(token);
      await chat.sendMessage({ text: `${blocked} ${randomUUID()}` });
      assert.equal(chat.status, "error");
      assert.equal(JSON.parse(chat.error.message).code, "blocked_by_safety");

      await chat.sendMessage({ text: "x".repeat(10_001) });
      assert.equal(JSON.parse(chat.error.message).code, "validation_failed");

      const stranger = open("not a token");
      await stranger.sendMessage({ text: "hello" });
      assert.equal(JSON.parse(stranger.error.message).code, "not_authenticated");
    });
  });
}
