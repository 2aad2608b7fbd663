// The settings: account, plan, devices, colours and the user's data.

import { useState } from "preact/hooks";

import * as api from "../api/api.ts";
import { text } from "../catalogue/text.ts";
import { account, deleteAccount } from "../state/account.ts";
import { type Settings, type Theme, dialog, notify, theme } from "../state/ui.ts";
import { Devices } from "./devices.tsx";
import { Icon, type IconName } from "./icons.tsx";
import { Failure, Field, Form, Modal, PasswordField, useAction } from "./parts.tsx";
import { PlanPage } from "./plan.tsx";

const pages: { page: Settings; icon: IconName }[] = [
  { page: "account", icon: "person" },
  { page: "plan", icon: "star" },
  { page: "devices", icon: "device" },
  { page: "appearance", icon: "sun" },
  { page: "data", icon: "box" },
];

export function SettingsWindow({ page }: { page: Settings }) {
  const close = () => (dialog.value = null);
  return (
    <Modal title={text.settings.title} className="settings" onClose={close}>
      <div class="settings-body">
        <nav aria-label={text.settings.title}>
          {pages.map((one) => (
            <button key={one.page} type="button" id={`settings-${one.page}`} aria-current={one.page === page ? "page" : undefined}
              onClick={() => (dialog.value = { kind: "settings", page: one.page })}>
              <Icon name={one.icon} /> {text.settings[one.page]}
            </button>
          ))}
        </nav>
        <div class="settings-page">
          {page === "account" && <AccountPage />}
          {page === "plan" && <PlanPage />}
          {page === "devices" && <Devices />}
          {page === "appearance" && <Appearance />}
          {page === "data" && <Data />}
        </div>
      </div>
    </Modal>
  );
}

function AccountPage() {
  const profile = useAction();
  const password = useAction();
  const rename = async ({ name = "" }: Record<string, string>) => {
    const { user } = await api.renameUser(name);
    if (account.value) account.value = { ...account.value, ...user };
    notify(text.saved);
  };
  const change = async (fields: Record<string, string>, form: HTMLFormElement) => {
    const { current_password = "", new_password = "" } = fields;
    await api.changePassword({ current_password, new_password });
    form.reset();
    notify(text.settings.passwordChanged);
  };
  return (
    <>
      <section>
        <h3>{text.settings.profile}</h3>
        <Form id="profile" action={profile} onSubmit={rename}>
          <Field label={text.door.name} name="name" autocomplete="name" minLength={2} maxLength={100} required defaultValue={account.value?.name ?? ""} />
          <p class="hint">
            {text.settings.mobile}: {account.value?.mobile_number}. {account.value && text.settings.since(new Date(account.value.created_at).toLocaleDateString(undefined, { dateStyle: "long" }))}.
          </p>
          <button class="secondary" disabled={profile.isRunning}>{text.save}</button>
        </Form>
      </section>
      <section>
        <h3>{text.settings.changePassword}</h3>
        <Form id="change-password" action={password} onSubmit={change}>
          <input class="unseen" type="text" autocomplete="username" tabindex={-1} aria-hidden="true" value={account.value?.mobile_number ?? ""} readOnly />
          <PasswordField label={text.settings.currentPassword} name="current_password" autocomplete="current-password" minLength={1} />
          <PasswordField label={text.door.newPassword} hint={text.door.passwordHint} name="new_password" autocomplete="new-password" />
          <button class="secondary" disabled={password.isRunning}>{text.settings.changePassword}</button>
        </Form>
      </section>
    </>
  );
}

const Appearance = () => (
  <>
    <section>
      <h3>{text.settings.theme}</h3>
      <div class="switch" role="group" aria-label={text.settings.theme}>
        {(["system", "light", "dark"] satisfies Theme[]).map((one) => (
          <button key={one} type="button" aria-pressed={theme.value === one} onClick={() => (theme.value = one)}>{text.settings.themes[one]}</button>
        ))}
      </div>
    </section>
    <section class="keyboard">
      <h3>{text.settings.keys}</h3>
      <dl class="keys">
        {text.settings.shortcuts.map(([keys, effect]) => (
          <div key={keys}>
            <dt>{keys.split(" ").map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{effect}</dd>
          </div>
        ))}
      </dl>
    </section>
  </>
);

function Data() {
  const exporting = useAction();
  const deleting = useAction();
  const [size, setSize] = useState<number | null>(null);
  const exportAll = async () => {
    const parts = await collectExport((bytes) => setSize(bytes));
    download(parts);
    notify(text.settings.exported);
  };
  const remove = ({ password = "" }: Record<string, string>) => deleteAccount(password);
  return (
    <>
      <section>
        <h3>{text.settings.export}</h3>
        <p class="hint">{text.settings.exportText}</p>
        <button type="button" id="export" class="secondary" disabled={exporting.isRunning} onClick={() => void exporting.run(exportAll).then(() => setSize(null))}>
          {text.settings.export}
        </button>
        {size !== null && <p class="hint" role="status">{text.settings.exporting((size / 1e6).toFixed(1))}</p>}
        <Failure of={exporting.failure} />
      </section>
      <section class="danger-zone">
        <h3>{text.settings.deleteAccount}</h3>
        <p class="hint">{text.settings.deleteText}</p>
        <Form id="delete-account" action={deleting} onSubmit={remove}>
          <PasswordField label={text.settings.deletePassword} name="password" autocomplete="current-password" minLength={1} />
          <button class="primary danger" disabled={deleting.isRunning}>{text.settings.deleteConfirm}</button>
        </Form>
      </section>
    </>
  );
}

/** All parts of the export. The last line of a part says whether another one follows. */
export async function collectExport(progress: (bytes: number) => void): Promise<string[]> {
  const parts: string[] = [];
  let bytes = 0;
  let failures = 0;
  for (let cursor: string | null = null; ; ) {
    const part: string = await api.exportPart(cursor);
    const lines = part.trimEnd().split("\n");
    const last = JSON.parse(lines.at(-1) ?? "{}") as { type?: string; cursor?: string };
    const isWhole = last.type === "end";
    parts.push(`${(isWhole ? lines : lines.slice(0, -1)).join("\n")}\n`);
    bytes += part.length;
    progress(bytes);
    if (isWhole) return parts;
    failures = last.type === "continue" ? 0 : failures + 1;
    if (!last.cursor || failures > 3) throw new Error("the export is incomplete");
    cursor = last.cursor;
  }
}

function download(parts: string[]): void {
  const url = URL.createObjectURL(new Blob(parts, { type: "application/x-ndjson" }));
  const link = Object.assign(document.createElement("a"), { href: url, download: `chats-${new Date().toISOString().slice(0, 10)}.ndjson` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
