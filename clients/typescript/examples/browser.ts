// A page without a framework: sign in, ask, and read the answer as it is written. A session that is
// kept in the browser survives a reload and is shared by tabs.
import { ApiProblem, browserStore, cancelMessage, createChatroom, createClient, logInUser, sendMessage, streamAnswer } from "chat-backend-client";

const baseUrl = new URLSearchParams(location.search).get("api") ?? location.origin;
const client = createClient({ baseUrl, store: browserStore() });

document.body.innerHTML = `
  <form id="sign-in"><input name="mobile_number"><input name="password" type="password"><button>Sign in</button></form>
  <form id="ask" hidden><input name="content"><button>Ask</button><button id="stop" type="button">Stop</button></form>
  <p id="answer"></p><output></output>`;
const [signIn, ask] = [...document.forms] as [HTMLFormElement, HTMLFormElement];
const show = (id: string, text: string) => (document.querySelector(id)!.textContent = text);
const explain = (error: unknown) => show("output", error instanceof ApiProblem ? `${error.code}: ${error.message}` : String(error));
const enter = () => ([signIn.hidden, ask.hidden] = [true, false]);
const fields = <T>(form: HTMLFormElement) => Object.fromEntries(new FormData(form)) as T;
if (await client.session.tokens()) enter();

signIn.onsubmit = (event) => {
  event.preventDefault();
  logInUser({ client, body: fields(signIn) }).then(({ data }) => client.session.start(data)).then(enter, explain);
};
ask.onsubmit = async (event) => {
  event.preventDefault();
  try {
    const { chatroom } = (await createChatroom({ client, body: {} })).data;
    const { message } = (await sendMessage({ client, path: chatroom, body: fields(ask) })).data;
    document.getElementById("stop")!.onclick = () => cancelMessage({ client, path: message }).catch(explain);
    for await (const { type, text } of streamAnswer(client, message.id)) [show("#answer", text), show("output", type)];
  } catch (error) { explain(error); }
};
