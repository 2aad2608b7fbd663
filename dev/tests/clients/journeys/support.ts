// What the journeys of all clients share.

import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';

export const PASSWORD = 'correct horse battery';

/** The address of the service, such as `http://127.0.0.1:9000`. */
export function baseUrl(): string {
  return present(process.env['E2E_BASE_URL'], 'E2E_BASE_URL');
}

/** A mobile number that no other test uses. */
export function randomNumber(): string {
  return `+49151${randomInt(10 ** 7, 10 ** 8)}`;
}

/** A word that no other message contains. */
export function randomWord(): string {
  return `w${randomInt(2 ** 47).toString(36)}`;
}

/** Requires a value that, by its type, may be absent. */
export function present<T>(value: T | null | undefined, name: string): T {
  assert.ok(value !== null && value !== undefined, `${name} is absent`);
  return value;
}

/** The objects of a response in newline-delimited JSON. */
export function parseLines<T>(text: string): T[] {
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line) as T);
}

/**
 * Asserts the code of a problem. Compiles only if the document lists the codes of the operation and
 * `code` is one of them.
 */
export function assertCode<Code extends string>(
  problem: { code: Code } | undefined,
  code: string extends Code ? never : NoInfer<Code>,
): void {
  assert.equal(problem?.code, code);
}
