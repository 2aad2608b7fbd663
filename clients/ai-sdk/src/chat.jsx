// A chat with `useChat` of the AI SDK, which is not changed in any way. Versions 6 and 7.
import { useChat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";
import { useState } from "react";

/** The chat `id` of the user of `token`, at the streaming URL and the base URL of the service. */
export function Chat({ id, token, streamUrl, baseUrl }) {
  const [draft, setDraft] = useState("");
  const headers = { authorization: `Bearer ${token}` };
  const transport = new DefaultChatTransport({
    api: `${streamUrl}/api/chat`, headers,
    // The service knows the conversation: the last message is enough.
    prepareSendMessagesRequest: ({ id, messages, trigger, messageId }) => ({ body: { id, trigger, messageId, message: messages.at(-1) } }),
  });
  // An interrupted stream is resumed; what was shown of it is then replaced.
  const onError = (error) => problemOf(error).resume && setTimeout(resumeStream, 500);
  const { messages, sendMessage, regenerate, resumeStream, status, error } = useChat({ id, transport, resume: true, onError });
  const question = messages.at(-1)?.metadata?.question_id;
  const stop = () => fetch(`${baseUrl}/api/chatroom/message/${question}/cancel`, { method: "POST", headers });
  const send = (event) => (event.preventDefault(), sendMessage({ text: draft }), setDraft(""));
  return (
    <form onSubmit={send}>
      {messages.map(({ id, role, parts }) => <p key={id} className={role}>{parts.map((part) => part.text)}</p>)}
      <output>{error ? problemOf(error).detail : status}</output>
      <input value={draft} onChange={(event) => setDraft(event.target.value)} />
      <button id="send">Send</button>
      <button id="stop" type="button" onClick={stop}>Stop</button>
      <button id="again" type="button" onClick={() => regenerate()}>Again</button>
    </form>
  );
}

/** The problem document of an error, which is its message. */
function problemOf(error) {
  try { return JSON.parse(error.message); } catch { return { detail: error.message, resume: true }; }
}
