// The sessions of the account.

import { useEffect, useState } from "preact/hooks";

import * as api from "../api/api.ts";
import type { Session } from "../api/types.ts";
import { text } from "../catalogue/text.ts";
import { leave } from "../state/account.ts";
import { notify } from "../state/ui.ts";
import { Icon } from "./icons.tsx";
import { Failure, useAction } from "./parts.tsx";

export function Devices() {
  const [sessions, setSessions] = useState<Session[] | null>(null);
  const action = useAction();
  const load = async () => setSessions(await api.listSessions());
  useEffect(() => void action.run(load), []);
  const end = (work: () => Promise<unknown>, said: string) =>
    void action.run(async () => {
      await work();
      await load();
      notify(said);
    });
  return (
    <section>
      <p class="hint">{text.devices.text}</p>
      <Failure of={action.failure} />
      {!sessions && !action.failure && <p class="hint">{text.loading}</p>}
      <ul class="devices">
        {sessions?.map((session) => (
          <li key={session.id}>
            <Icon name="device" />
            <span class="grow">
              <strong>{nameOf(session.user_agent)}</strong>
              <span class="hint">
                {session.current ? text.devices.current : text.devices.seen(new Date(session.last_seen_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }))}
                {session.address ? ` · ${session.address}` : ""}
              </span>
            </span>
            {!session.current && (
              <button type="button" class="secondary" disabled={action.isRunning} onClick={() => end(() => api.endSession(session.id), text.devices.ended)}>{text.devices.end}</button>
            )}
          </li>
        ))}
      </ul>
      <div class="row">
        {(sessions?.length ?? 0) > 1 && (
          <button type="button" class="secondary" disabled={action.isRunning} onClick={() => end(() => api.signOut("others"), text.devices.othersEnded)}>{text.devices.endOthers}</button>
        )}
        <button type="button" class="secondary" disabled={action.isRunning} onClick={() => void action.run(async () => (await api.signOut("all"), leave()))}>{text.devices.endAll}</button>
      </div>
    </section>
  );
}

const browsers: [RegExp, string][] = [[/Edg\//, "Edge"], [/OPR\//, "Opera"], [/Firefox\//, "Firefox"], [/Chrome\//, "Chrome"], [/Safari\//, "Safari"]];
const systems: [RegExp, string][] = [[/iPhone|iPad/, "iOS"], [/Android/, "Android"], [/Windows/, "Windows"], [/Mac OS/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"]];

/** A browser and its system, as far as a user agent says so. */
export function nameOf(userAgent: string | null | undefined): string {
  if (!userAgent) return text.devices.unknown;
  const find = (names: [RegExp, string][]) => names.find(([pattern]) => pattern.test(userAgent))?.[1];
  const [browser, system] = [find(browsers), find(systems)];
  return browser && system ? text.devices.on(browser, system) : (browser ?? userAgent.slice(0, 60));
}
