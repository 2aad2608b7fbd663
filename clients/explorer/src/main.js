// The API explorer: Swagger UI on the document of this service, and a form that signs in.

import SwaggerUI from "swagger-ui";

import "swagger-ui/dist/swagger-ui.css";
import "./explorer.css";
import { accessible, watch } from "./accessible.js";
import { withoutSuggestions } from "./document.js";
import { createFetch, urlOf } from "./requests.js";

/** The name of the token among the document's security schemes. */
const TOKEN = "token";
const TOKEN_PATHS = /\/api\/auth\/(login|verify-signup-otp|refresh)$/;

const state = document.getElementById("state");
const form = document.getElementById("sign-in");
const dark = matchMedia("(prefers-color-scheme: dark)");
watch(document.body);

/** Where the calls that stream go. A service that does not say so streams from this origin. */
async function loadStreamBaseUrl() {
  try {
    return (await (await fetch("/api/config")).json()).stream_base_url;
  } catch {
    return null;
  }
}

/** Shows the response to a call while it arrives. */
const liveResponses = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        executeRequest: (execute, { specActions }) => (request) => {
          const show = (response) => specActions.setResponse(request.pathName, request.method, response);
          return execute({ ...request, userFetch: createFetch(show) });
        },
      },
    },
  },
});

function useToken(token) {
  ui.preauthorizeApiKey(TOKEN, token);
  state.textContent = "Signed in";
}

/** The token of a session that was opened by trying a call out is used for the next calls. */
function receive(response) {
  const token = response.ok && TOKEN_PATHS.test(new URL(response.url, location.href).pathname) && response.body?.token;
  if (token) useToken(token);
  return response;
}

async function signIn(event) {
  event.preventDefault();
  state.textContent = "Signing in…";
  try {
    const response = await fetch("/api/auth/login", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    const body = await response.json();
    if (!response.ok) throw new Error(body.detail);
    form.elements.namedItem("password").value = "";
    useToken(body.token);
  } catch (error) {
    state.textContent = `Not signed in: ${error.message}`;
  }
}

const setColours = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
setColours();
dark.addEventListener("change", setColours);
form.addEventListener("submit", signIn);

const loadDocument = async () => withoutSuggestions(await (await fetch("/openapi.json")).json());

const [streams, spec] = await Promise.all([loadStreamBaseUrl(), loadDocument()]);
const ui = SwaggerUI({
  domNode: document.getElementById("explorer"),
  spec,
  plugins: [liveResponses, accessible],
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  filter: true,
  // The public validator would get the document's address.
  validatorUrl: null,
  requestInterceptor: (request) => ({ ...request, url: urlOf(request.url, streams, location.href) }),
  responseInterceptor: receive,
});
