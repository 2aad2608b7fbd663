// What the journeys need: a person, and a network that fails on demand. For Node.js and browsers.

import {
  type ChatClient,
  type ChatClientOptions,
  type SessionStore,
  createChatroom,
  createClient,
  memoryStore,
  sendMessage,
  sendSignupOtp,
  verifySignupOtp,
} from "chat-backend-client";

export interface Service {
  baseUrl: string;
  /** The beginning of questions that are answered within two seconds. */
  slowQuestion: string;
}

export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

export const equal = <T>(actual: T, expected: T, what: string): void =>
  assert(Object.is(actual, expected), `${what}: ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`);

export async function rejection(work: Promise<unknown>): Promise<unknown> {
  const failed = Symbol("failed");
  let error: unknown = failed;
  await work.catch((found: unknown) => (error = found));
  assert(error !== failed, "it succeeds");
  return error;
}

/** A network whose requests are counted, and that `fail` can change. */
export class Network {
  readonly sent: Request[] = [];
  /** The response that arrives, instead of the one that the service has sent. */
  fail: (request: Request, response: Response) => Response = (_, response) => response;

  readonly fetch = async (request: Request): Promise<Response> => {
    this.sent.push(request.clone());
    return this.fail(request, await fetch(request));
  };

  count(method: string, path: string): number {
    return this.sent.filter((one) => one.method === method && new URL(one.url).pathname.startsWith(path)).length;
  }
}

/** The response, whose connection breaks when its first bytes have arrived. */
export function cutAfter(bytes: number, response: Response): Response {
  const reader = response.body!.getReader();
  let left = bytes;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = left > 0 ? await reader.read() : { done: false, value: undefined };
      if (done) return controller.close();
      if (!value) {
        await reader.cancel();
        return controller.error(new TypeError("the connection is cut"));
      }
      controller.enqueue(value.slice(0, left));
      left -= value.length;
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, { status: response.status, headers: response.headers });
}

export interface Person {
  client: ChatClient;
  network: Network;
  store: SessionStore;
}

/** Signs up, with a number that no other test uses. */
export async function signUp({ baseUrl }: Service, options: ChatClientOptions = {}): Promise<Person> {
  const { store = memoryStore() } = options;
  const network = new Network();
  const client = createClient({ baseUrl, fetch: network.fetch, ...options, store });
  const mobile_number = `+49151${String(Math.floor(Math.random() * 1e8)).padStart(8, "0")}`;
  const { otp } = (await sendSignupOtp({ client, body: { mobile_number } })).data;
  assert(otp, "the service does not tell one-time codes");
  const account = await verifySignupOtp({
    client,
    body: { mobile_number, otp, name: "Ada", password: "four words chosen at random" },
  });
  await client.session.start(account.data);
  return { client, network, store };
}

/** Asks in a new chatroom. */
export async function ask({ client }: Person, content: string): Promise<{ room: string; message: string }> {
  const { chatroom } = (await createChatroom({ client, body: { name: "A chatroom" } })).data;
  const sent = await sendMessage({ client, path: { id: chatroom.id }, body: { content } });
  return { room: chatroom.id, message: sent.data.message.id };
}
