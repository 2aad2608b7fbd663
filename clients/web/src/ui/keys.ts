// Keys that an input method may handle first.

type Press = Pick<KeyboardEvent, "key" | "shiftKey" | "altKey" | "isComposing" | "keyCode">;

/** The key code of a key press that an input method handles. */
const IME_KEY = 229;

/** Whether an input method composes a word. Safari ends the composition before the press of Enter that confirms it. */
export const isComposing = (event: Press): boolean => event.isComposing || event.keyCode === IME_KEY;

/** Whether a key press sends the message: Enter alone, unless it confirms a composed word. */
export const isSendKey = (event: Press): boolean => event.key === "Enter" && !event.shiftKey && !event.altKey && !isComposing(event);
