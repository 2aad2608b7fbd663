// A user's journey with the client that `@hey-api/openapi-ts` generates.

import assert from 'node:assert/strict';
import test from 'node:test';

import { type Client, createClient } from '../generated/hey-api/client/index.js';
import * as sdk from '../generated/hey-api/index.js';
import {
  assertCode,
  baseUrl,
  parseLines,
  PASSWORD,
  present,
  randomNumber,
  randomWord,
} from './support.js';

interface User {
  client: Client;
  number: string;
}

async function signUp(): Promise<User> {
  const mobile_number = randomNumber();
  const client = createClient({ baseUrl: baseUrl() });
  const code = await sdk.sendSignupOtp({ client, body: { mobile_number }, throwOnError: true });
  const otp = present(code.data.otp, 'otp');
  const body = { mobile_number, otp, name: 'Ada', password: PASSWORD };
  const account = await sdk.verifySignupOtp({ client, body, throwOnError: true });
  client.setConfig({ auth: account.data.token });
  return { client, number: mobile_number };
}

async function createChatroom({ client }: User): Promise<string> {
  const body = { name: 'A chatroom' };
  const created = await sdk.createChatroom({ client, body, throwOnError: true });
  return created.data.chatroom.id;
}

async function sendMessage({ client }: User, chatroom: string, content: string): Promise<string> {
  const path = { id: chatroom };
  const sent = await sdk.sendMessage({ client, path, body: { content }, throwOnError: true });
  return sent.data.message.id;
}

async function waitForAnswer({ client }: User, id: string) {
  const request = { client, path: { id }, query: { wait: 25 }, throwOnError: true } as const;
  for (;;) {
    const { message } = (await sdk.getMessageStatus(request)).data;
    if (message.processing_status !== 'pending' && message.processing_status !== 'processing') {
      return message;
    }
  }
}

test('a message is answered, found and exported', { timeout: 90_000 }, async () => {
  const user = await signUp();
  const { client } = user;
  const word = randomWord();
  const id = await sendMessage(user, await createChatroom(user), `A thought about ${word}`);

  const answered = await waitForAnswer(user, id);
  const found = await sdk.searchMessages({ client, query: { q: word }, throwOnError: true });
  const exported = await sdk.exportAccount({ client, parseAs: 'text', throwOnError: true });

  assert.equal(answered.processing_status, 'completed');
  assert.notEqual(present(answered.reply, 'reply').content, '');
  assert.deepEqual(found.data.results.map((result) => result.message_type), ['ai', 'user']);
  const lines = parseLines<{ type: string }>(exported.data);
  assert.equal(lines.filter((line) => line.type === 'message').length, 2);
  assert.equal(lines.at(-1)?.type, 'end');
});

test('a problem names the invalid field', async () => {
  const { client } = await signUp();

  const refused = await sdk.createChatroom({ client, body: { name: '' } });

  assert.equal(refused.response?.status, 400);
  const problem = present(refused.error, 'problem');
  assertCode(problem, 'validation_failed');
  assert.match(present(problem.errors, 'errors').join(), /^name: /);
});

test('a deleted account cannot be used', async () => {
  const { client, number } = await signUp();

  const refused = await sdk.deleteAccount({ client, body: { password: 'not the password' } });
  const deleted = await sdk.deleteAccount({ client, body: { password: PASSWORD } });
  const login = await sdk.logInUser({ client, body: { mobile_number: number, password: PASSWORD } });

  assertCode(refused.error, 'wrong_password');
  assert.equal(deleted.data?.success, true);
  assertCode(login.error, 'invalid_credentials');
});
