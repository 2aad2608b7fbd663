// `useChat` of the AI SDK over the client's `fetch`: the token is refreshed silently, also between
// two questions of a page that was open overnight. Sign in as in browser.ts.
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport, type UIMessage } from "ai";
import { browserStore, cancelMessage, createClient } from "chat-backend-client";
import { useState } from "react";
import { createRoot } from "react-dom/client";

const baseUrl = new URLSearchParams(location.search).get("api") ?? location.origin;
const client = createClient({ baseUrl, store: browserStore() });
const streamUrl = (await client.streamBaseUrl()) ?? baseUrl;
const transport = new DefaultChatTransport<UIMessage<{ question_id: string }>>({
  api: `${streamUrl}/api/chat`,
  fetch: client.fetch,
  // The service knows the conversation: the last message is enough.
  prepareSendMessagesRequest: ({ id, messages, trigger, messageId }) => ({ body: { id, trigger, messageId, message: messages.at(-1) } }),
});

function Chat({ id }: { id: string }) {
  const [draft, setDraft] = useState("");
  const { messages, sendMessage, status, error } = useChat({ id, transport, resume: true });
  const question = messages.at(-1)?.metadata?.question_id;
  return (
    <form onSubmit={(event) => (event.preventDefault(), sendMessage({ text: draft }), setDraft(""))}>
      {messages.map(({ id, role, parts }) => <p key={id} className={role}>{parts.map((part) => part.type === "text" && part.text)}</p>)}
      <output>{error?.message ?? status}</output>
      <input value={draft} onChange={(event) => setDraft(event.target.value)} /><button id="send">Send</button>
      <button id="stop" type="button" onClick={() => question && cancelMessage({ client, path: { id: question } })}>Stop</button>
    </form>
  );
}
createRoot(document.body.appendChild(document.createElement("main"))).render(<Chat id={location.hash.slice(1) || "first"} />);
