// What the modules under test need of a browser. Imported before them.

import { JSDOM } from "jsdom";

export const { window } = new JSDOM("", { url: "http://localhost/" });

const { document, history, localStorage, location, sessionStorage } = window;
const addEventListener = window.addEventListener.bind(window);
Object.assign(globalThis, { addEventListener, document, history, localStorage, location, sessionStorage });
// An open channel would keep the test process running.
Reflect.deleteProperty(globalThis, "BroadcastChannel");
