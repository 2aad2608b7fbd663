// What the modules under test need of a browser. Imported before them.

import { JSDOM } from "jsdom";

export const { window } = new JSDOM("", { url: "http://localhost/" });

const { localStorage, sessionStorage, location } = window;
Object.assign(globalThis, { localStorage, sessionStorage, location });
