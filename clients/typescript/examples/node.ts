// A script: signs in, asks a question, and prints the answer as it is written.
//   API=http://127.0.0.1:9000 NUMBER=+49... PASSWORD=... node node.ts "What is a lease good for?"
import { ApiProblem, createChatroom, createClient, logInUser, logOutUser, sendMessage, streamAnswer } from "chat-backend-client";

const { API: baseUrl = "http://127.0.0.1:9000", NUMBER: mobile_number = "", PASSWORD: password = "" } = process.env;
// The session is in memory; a `store` of your own keeps it elsewhere.
const client = createClient({ baseUrl, maxWaitMs: 60_000 });

try {
  const login = await logInUser({ client, body: { mobile_number, password } });
  await client.session.start(login.data);

  const { chatroom } = (await createChatroom({ client, body: { name: "From a script" } })).data;
  // The client adds an idempotency key: a lost response is requested again, and the message stored
  // once.
  const { message } = (await sendMessage({ client, path: chatroom, body: { content: process.argv[2] ?? "Hello" } })).data;
  for await (const event of streamAnswer(client, message.id)) {
    if (event.type === "delta") process.stdout.write(event.delta);
    // Another attempt has begun: what is printed so far is void.
    if (event.type === "restart") process.stdout.write("\n");
    if (event.type === "done") process.stdout.write(`\n[${event.message.processing_status}, ${event.reply?.finish_reason ?? event.message.error_code}]\n`);
  }
  await logOutUser({ client, body: { scope: "this" } });
} catch (error) {
  if (!(error instanceof ApiProblem)) throw error;
  console.error(`${error.code}: ${error.message} (request ${error.requestId})`);
  process.exitCode = 1;
}
