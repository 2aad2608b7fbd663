// Signing in, signing up and resetting the password.

import { ApiProblem } from "chat-backend-client";
import { useEffect, useState } from "preact/hooks";

import * as api from "../api/api.ts";
import { doorNotice, enter } from "../state/account.ts";
import { text } from "../catalogue/text.ts";
import { Mark } from "./icons.tsx";
import { Failure, Field, Form, PasswordField, useAction } from "./parts.tsx";

type View = "sign-in" | "sign-up" | "reset";

export function Door() {
  const [view, setView] = useState<View>("sign-in");
  const [number, setNumber] = useState("");
  const show = (next: View) => {
    doorNotice.value = null;
    setView(next);
  };
  return (
    <main class="door">
      <section class="door-card">
        <header>
          <Mark />
          <h1>{text.product}</h1>
          <p>{text.door.tagline}</p>
        </header>
        {view !== "reset" && (
          <div class="switch" role="group">
            {(["sign-in", "sign-up"] as const).map((one) => (
              <button key={one} type="button" id={`show-${one}`} aria-pressed={view === one} onClick={() => show(one)}>
                {one === "sign-in" ? text.door.signIn : text.door.signUp}
              </button>
            ))}
          </div>
        )}
        {doorNotice.value && <p id="door-notice" class="note" role="status">{doorNotice.value}</p>}
        {view === "sign-in" && <SignIn number={number} setNumber={setNumber} forgot={() => show("reset")} />}
        {view === "sign-up" && <SignUp number={number} setNumber={setNumber} signIn={() => show("sign-in")} />}
        {view === "reset" && (
          <Reset number={number} setNumber={setNumber} back={() => show("sign-in")}
            done={() => {
              setView("sign-in");
              doorNotice.value = text.door.resetDone;
            }} />
        )}
      </section>
    </main>
  );
}

interface NumberProps {
  number: string;
  setNumber(number: string): void;
}

const NumberField = ({ number, setNumber }: NumberProps) => (
  <Field label={text.door.number} hint={text.door.numberHint} name="mobile_number" type="tel" autocomplete="username" required value={number}
    onInput={(event) => setNumber(event.currentTarget.value)} />
);

const Remember = () => (
  <label class="check">
    <input type="checkbox" name="remember" defaultChecked /> {text.door.remember}
  </label>
);

function SignIn({ number, setNumber, forgot }: NumberProps & { forgot(): void }) {
  const action = useAction();
  const submit = async ({ password = "", remember }: Record<string, string>) =>
    enter(await api.signIn({ mobile_number: number, password }), remember === "on");
  return (
    <Form id="sign-in" action={action} onSubmit={submit}>
      <NumberField number={number} setNumber={setNumber} />
      <PasswordField label={text.door.password} name="password" autocomplete="current-password" minLength={1} />
      <div class="row between">
        <Remember />
        <button type="button" class="link" id="forgot" onClick={forgot}>{text.door.forgot}</button>
      </div>
      <button class="primary" disabled={action.isRunning}>{text.door.signIn}</button>
    </Form>
  );
}

function SignUp({ number, setNumber, signIn }: NumberProps & { signIn(): void }) {
  const action = useAction();
  const [isRefused, setIsRefused] = useState(false);
  const code = useCode(() => api.sendSignupCode(number));
  const submit = async ({ password = "", name = "", remember }: Record<string, string>) => {
    if (!code.isSent) return code.send();
    try {
      return enter(await api.signUp({ mobile_number: number, otp: code.value, name, password }), remember === "on");
    } catch (error) {
      // The service does not tell which numbers have an account.
      setIsRefused(error instanceof ApiProblem && error.body.code === "invalid_code");
      throw error;
    }
  };
  return (
    <Form id="sign-up" action={action} onSubmit={submit}>
      <NumberField number={number} setNumber={setNumber} />
      {code.isSent && (
        <>
          <CodeField code={code} />
          <Field label={text.door.name} name="name" autocomplete="name" minLength={2} maxLength={100} required autoFocus={code.isShown} />
          <PasswordField label={text.door.password} hint={text.door.passwordHint} name="password" autocomplete="new-password" />
          <Remember />
        </>
      )}
      {isRefused && (
        <p class="note" id="known-number">
          {text.door.knownNumber} <button type="button" class="link" onClick={signIn}>{text.door.signInInstead}</button>
        </p>
      )}
      <button class="primary" disabled={action.isRunning}>{code.isSent ? text.door.signUp : text.door.sendCode}</button>
    </Form>
  );
}

function Reset({ number, setNumber, back, done }: NumberProps & { back(): void; done(): void }) {
  const action = useAction();
  const code = useCode(() => api.sendResetCode(number));
  const submit = async ({ new_password = "" }: Record<string, string>) => {
    if (!code.isSent) return code.send();
    await api.resetPassword({ mobile_number: number, otp: code.value, new_password });
    return done();
  };
  return (
    <Form id="reset" action={action} onSubmit={submit}>
      <h2>{text.door.reset}</h2>
      <NumberField number={number} setNumber={setNumber} />
      {code.isSent && (
        <>
          <CodeField code={code} />
          <PasswordField label={text.door.newPassword} hint={text.door.passwordHint} name="new_password" autocomplete="new-password" />
        </>
      )}
      <button class="primary" disabled={action.isRunning}>{code.isSent ? text.door.reset : text.door.sendCode}</button>
      <button type="button" class="link" onClick={back}>{text.door.back}</button>
    </Form>
  );
}

interface Code {
  value: string;
  isSent: boolean;
  isShown: boolean;
  /** Milliseconds since 1970. */
  nextAt: number;
  set(value: string): void;
  send(): Promise<void>;
}

function useCode(request: () => Promise<api.SentCode>): Code {
  const [value, set] = useState("");
  const [sent, setSent] = useState<{ nextAt: number; isShown: boolean } | null>(null);
  const send = async () => {
    const { otp, resend_in } = await request();
    setSent({ nextAt: Date.now() + resend_in * 1000, isShown: Boolean(otp) });
    set(otp ?? "");
  };
  return { value, isSent: sent !== null, isShown: sent?.isShown ?? false, nextAt: sent?.nextAt ?? 0, set, send };
}

function CodeField({ code }: { code: Code }) {
  const action = useAction();
  const left = useSecondsUntil(code.nextAt);
  return (
    <div>
      <Field label={text.door.code} hint={code.isShown ? text.door.codeShown : text.door.codeSent} name="otp" inputMode="numeric" autocomplete="one-time-code"
        maxLength={32} required autoFocus={!code.isShown} value={code.value} onInput={(event) => code.set(event.currentTarget.value)} />
      {left > 0 ? (
        <p class="hint">{text.door.sendAgainIn(left)}</p>
      ) : (
        <button type="button" class="link" disabled={action.isRunning} onClick={() => void action.run(code.send)}>{text.door.sendAgain}</button>
      )}
      <Failure of={action.failure} />
    </div>
  );
}

/** Whole seconds until `time`, counted down to 0. */
export function useSecondsUntil(time: number): number {
  const [now, setNow] = useState(Date.now());
  const left = Math.max(0, Math.ceil((time - now) / 1000));
  useEffect(() => {
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [time]);
  return left;
}
