// A small client of the public API. It keeps the token in the sessionStorage of the tab.

const $ = (id) => document.getElementById(id);
const session = { get token() { return sessionStorage.getItem("token"); }, set token(token) { sessionStorage.setItem("token", token); } };
let room = null;

class Problem extends Error {}

async function api(method, path, body, headers = {}) {
  if (session.token) headers.authorization = `Bearer ${session.token}`;
  if (body) headers["content-type"] = "application/json";
  const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  if (response.status === 401 && answer.code === "not_authenticated" && session.token) leave();
  throw new Problem(answer.detail ?? `the server answered ${response.status}`);
}

// Runs `act` when the event occurs, disables the button meanwhile, and shows a failure.
function on(target, event, act) {
  $(target).addEventListener(event, async (happened) => {
    happened.preventDefault();
    const element = happened.currentTarget;
    const button = element.matches("button") ? element : element.querySelector("button:not([type=button])");
    button.disabled = true;
    tell("");
    try {
      await act(Object.fromEntries(element.matches("form") ? new FormData(element) : []), element);
    } catch (error) {
      tell(error instanceof Problem ? error.message : "The server cannot be reached.");
    } finally {
      button.disabled = false;
    }
  });
}

function tell(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

async function enter(answer) {
  session.token = answer.token;
  await show();
}

// Removes everything of the account from the page, hidden fields and lists included.
function leave() {
  sessionStorage.clear();
  room = null;
  for (const form of document.forms) form.reset();
  for (const id of ["rooms", "messages", "tier", "standing"]) $(id).replaceChildren();
  show();
}

async function show() {
  const isIn = Boolean(session.token);
  $("door").hidden = isIn;
  $("chat").hidden = $("logout").hidden = !isIn;
  $("usage").textContent = "";
  if (isIn) await Promise.all([showStanding(), showRooms()]);
}

async function showStanding() {
  const [{ user, usage }, { subscription }] = await Promise.all([api("GET", "/api/user/me"), api("GET", "/api/subscription/status")]);
  $("usage").textContent = `${user.name}: ${usage.daily_messages_used} of ${usage.daily_message_limit} messages today`;
  $("tier").textContent = subscription.tier === "pro" ? "Pro" : "Basic";
  const isPro = subscription.tier === "pro", ends = subscription.cancel_at_period_end, owes = subscription.status === "past_due";
  const until = subscription.current_period_end && new Date(subscription.current_period_end).toLocaleDateString();
  $("standing").textContent = owes ? "The last payment has failed." : isPro && until ? `${ends ? "Ends" : "Renews"} on ${until}.` : "";
  $("upgrade").hidden = isPro || owes;
  $("cancel").hidden = !isPro || ends;
  $("reactivate").hidden = !isPro || !ends;
  $("portal").hidden = subscription.status === "inactive";
}

async function showRooms() {
  let { chatrooms } = await api("GET", "/api/chatroom");
  if (chatrooms.length === 0) chatrooms = [(await api("POST", "/api/chatroom", { name: "First chatroom" })).chatroom];
  room = chatrooms.find((one) => one.id === room)?.id ?? chatrooms[0].id;
  $("rooms").replaceChildren(...chatrooms.map((one) => {
    const button = element("button", "", one.name);
    if (one.id === room) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => { room = one.id; showRooms(); });
    const item = element("li", "", "");
    item.append(button);
    return item;
  }));
  await showMessages();
}

async function showMessages() {
  const { messages } = await api("GET", `/api/chatroom/${room}?limit=50`);
  $("messages").replaceChildren(...messages.map((message) => element("li", message.message_type, message.content)));
  $("messages").lastElementChild?.scrollIntoView();
}

const tryLater = "The message could not be answered. Try again later.";
const failures = {
  gemini_overloaded: "The model is overloaded. Try again in a few minutes.",
  timeout: "The model took too long. Send the message again.",
  no_answer: "The model gave no answer. Rephrase the message.",
  blocked_by_safety: "The model refused to answer this message. Rephrase it.",
  invalid_request: "The model cannot process this message. Rephrase it.",
};

async function send({ content }, form) {
  const here = room;
  const { message } = await api("POST", `/api/chatroom/${here}/message`, { content }, { "idempotency-key": crypto.randomUUID() });
  form.reset();
  const state = element("li", "state", "…");
  $("messages").append(element("li", "user", content), state);
  state.scrollIntoView();
  showStanding();
  for (;;) {
    const { message: now } = await api("GET", `/api/chatroom/message/${message.id}/status?wait=20`);
    if (here !== room) return;
    if (now.reply) {
      const reply = element("li", "ai", now.reply.content);
      state.replaceWith(reply);
      return reply.scrollIntoView();
    }
    if (now.processing_status === "failed") state.textContent = failures[now.error_code] ?? tryLater;
    if (!["pending", "processing"].includes(now.processing_status)) return showStanding();
  }
}

// Stripe's webhook may arrive a moment after the user returns from the checkout page.
async function waitForPro() {
  for (let wait = 250; wait < 10_000; wait *= 1.6) {
    const { subscription } = await api("GET", "/api/subscription/status");
    if (subscription.tier === "pro") return showStanding();
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

on("send-code", "click", async () => {
  const { otp } = await api("POST", "/api/auth/send-signup-otp", { mobile_number: $("signup").mobile_number.value });
  if (otp) $("signup").otp.value = otp;
});
on("signup", "submit", async (fields) => enter(await api("POST", "/api/auth/verify-signup-otp", fields)));
on("login", "submit", async (fields) => enter(await api("POST", "/api/auth/login", fields)));
on("logout", "click", async () => {
  const ended = api("POST", "/api/auth/logout", {});
  leave();
  await ended.catch(() => tell("You are signed out here, but the server cannot be reached: the session stays open there."));
});
on("open-room", "submit", async (fields, form) => {
  room = (await api("POST", "/api/chatroom", fields, { "idempotency-key": crypto.randomUUID() })).chatroom.id;
  form.reset();
  await showRooms();
});
on("send", "submit", send);
$("content").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("send").requestSubmit();
});
on("upgrade", "click", async () => {
  const here = location.origin + location.pathname;
  const { checkout_url } = await api("POST", "/api/subscription/pro", { success_url: `${here}?paid`, cancel_url: here });
  location.assign(checkout_url);
});
on("cancel", "click", async () => { await api("POST", "/api/subscription/cancel"); await showStanding(); });
on("reactivate", "click", async () => { await api("POST", "/api/subscription/reactivate"); await showStanding(); });
on("portal", "click", async () => {
  location.assign((await api("POST", "/api/subscription/portal", { return_url: location.origin + location.pathname })).portal_url);
});

const isBack = location.search === "?paid";
if (isBack) history.replaceState(null, "", location.pathname);
show().then(() => isBack && session.token && waitForPro()).catch((error) => tell(error.message));
