// Small parts that several views use: windows, menus, fields, buttons with an action.

import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";

import { words } from "../catalogue/failures.ts";
import { text } from "../catalogue/text.ts";
import { Icon, type IconName } from "./icons.tsx";

interface ModalProps {
  title: string;
  className?: string;
  onClose(): void;
  children: ComponentChildren;
}

/** A window over the page. The browser keeps the focus in it and closes it with Esc. */
export function Modal({ title, className = "", onClose, children }: ModalProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    element.current?.showModal();
    return () => before?.focus();
  }, []);
  const closeOutside = (event: MouseEvent) => event.target === element.current && onClose();
  return (
    <dialog ref={element} class={`modal ${className}`} aria-labelledby={id} onClose={onClose} onMouseDown={closeOutside}>
      <div class="modal-inside">
        <header class="modal-head">
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label={text.close} onClick={onClose} />
        </header>
        {children}
      </div>
    </dialog>
  );
}

interface IconButtonProps {
  icon: IconName;
  label: string;
  className?: string;
  isPressed?: boolean;
  isDisabled?: boolean;
  onClick(event: MouseEvent): void;
}

export const IconButton = ({ icon, label, className = "", isPressed, isDisabled, onClick }: IconButtonProps) => (
  <button type="button" class={`icon-button ${className}`} aria-label={label} title={label} aria-pressed={isPressed} disabled={isDisabled} onClick={onClick}>
    <Icon name={icon} />
  </button>
);

export interface MenuItem {
  label: string;
  icon: IconName;
  className?: string;
  run(): void;
}

const GAP = 6;

/** A button that opens a list of commands. A closed menu has no elements for them: a chat has many menus. */
export function Menu({ label, icon = "more", className = "", items, children }: { label: string; icon?: IconName; className?: string; items: MenuItem[]; children?: ComponentChildren }) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [isOpen, setIsOpen] = useState(false);

  const place = () => {
    if (!button.current || !list.current) return;
    const from = button.current.getBoundingClientRect();
    const { offsetWidth, offsetHeight, style } = list.current;
    const isBelow = from.bottom + GAP + offsetHeight < innerHeight;
    style.left = `${Math.max(GAP, Math.min(from.left, innerWidth - offsetWidth - GAP))}px`;
    style.top = `${isBelow ? from.bottom + GAP : Math.max(GAP, from.top - GAP - offsetHeight)}px`;
    list.current.querySelector<HTMLElement>("button")?.focus();
  };
  // The commands are rendered between the two events. Closing, they stay until the browser has moved the focus back.
  const toggles = (event: Event) => (event as ToggleEvent).newState === "open" && setIsOpen(true);
  const toggled = (event: Event) => ((event as ToggleEvent).newState === "open" ? place() : setIsOpen(false));
  const move = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...(list.current?.querySelectorAll("button") ?? [])];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    buttons[(at + step + buttons.length) % buttons.length]?.focus();
  };
  const choose = (item: MenuItem) => {
    list.current?.hidePopover();
    button.current?.focus();
    item.run();
  };
  return (
    <>
      <button ref={button} type="button" class={className || "icon-button"} aria-label={children ? undefined : label} title={label} aria-haspopup="menu" aria-expanded={isOpen} popovertarget={id}>
        {children ? <span class="unseen">{label}: </span> : <Icon name={icon} />}
        {children}
      </button>
      <div ref={list} id={id} popover="auto" role="menu" class="menu" onBeforeToggle={toggles} onToggle={toggled} onKeyDown={move}>
        {isOpen && items.map((item) => (
          <button key={item.label} type="button" role="menuitem" class={item.className} onClick={() => choose(item)}>
            <Icon name={item.icon} />
            {item.label}
          </button>
        ))}
      </div>
    </>
  );
}

interface FieldProps {
  label: string;
  hint?: string | undefined;
  name: string;
  type?: "text" | "tel" | "password";
  autocomplete?: string;
  inputMode?: "numeric";
  minLength?: number;
  maxLength?: number;
  required?: boolean;
  autoFocus?: boolean;
  value?: string;
  defaultValue?: string;
  onInput?(event: { currentTarget: HTMLInputElement }): void;
}

export function Field({ label, hint, type = "text", ...input }: FieldProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} type={type as "text"} aria-describedby={hint ? `${id}-hint` : undefined} {...input} />
      {hint && <p id={`${id}-hint`} class="hint">{hint}</p>}
    </div>
  );
}

export function PasswordField({ label, hint, ...input }: FieldProps) {
  const [isShown, setIsShown] = useState(false);
  return (
    <div class="password">
      <Field label={label} hint={hint} minLength={8} maxLength={128} required {...input} type={isShown ? "text" : "password"} />
      <IconButton icon="eye" label={text.door.showPassword} isPressed={isShown} onClick={() => setIsShown(!isShown)} />
    </div>
  );
}

export interface Action {
  isRunning: boolean;
  failure: string | null;
  run(work: () => Promise<unknown>): Promise<boolean>;
}

/** Runs one request at a time and keeps its failure for the form that started it. */
export function useAction(): Action {
  const [isRunning, setIsRunning] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const run = async (work: () => Promise<unknown>) => {
    setIsRunning(true);
    setFailure(null);
    try {
      await work();
      return true;
    } catch (error) {
      setFailure(words(error));
      return false;
    } finally {
      setIsRunning(false);
    }
  };
  return { isRunning, failure, run };
}

export const Failure = ({ of }: { of: string | null }) => (of ? <p class="failure" role="alert">{of}</p> : null);

interface FormProps {
  id?: string;
  action: Action;
  onSubmit(fields: Record<string, string>, form: HTMLFormElement): Promise<unknown>;
  children: ComponentChildren;
}

export function Form({ id, action, onSubmit, children }: FormProps) {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    if (action.isRunning) return;
    void action.run(() => onSubmit(Object.fromEntries(new FormData(form)) as Record<string, string>, form));
  };
  return (
    <form id={id} onSubmit={submit} aria-busy={action.isRunning}>
      {children}
      <Failure of={action.failure} />
    </form>
  );
}
