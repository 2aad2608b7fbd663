// A user's journey with the types of `openapi-typescript` and the client `openapi-fetch`.

import assert from 'node:assert/strict';
import test from 'node:test';

import createClient, { type Client } from 'openapi-fetch';

import type { paths } from '../generated/openapi-typescript.js';
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
  api: Client<paths>;
  number: string;
}

async function signUp(): Promise<User> {
  const number = randomNumber();
  const api = createClient<paths>({ baseUrl: baseUrl() });
  const code = await api.POST('/api/auth/send-signup-otp', { body: { mobile_number: number } });
  const otp = present(code.data?.otp, 'otp');
  const account = await api.POST('/api/auth/verify-signup-otp', {
    body: { mobile_number: number, otp, name: 'Ada', password: PASSWORD },
  });
  const token = present(account.data, 'account').token;
  api.use({
    onRequest({ request }) {
      request.headers.set('authorization', `Bearer ${token}`);
      return request;
    },
  });
  return { api, number };
}

async function createChatroom({ api }: User): Promise<string> {
  const created = await api.POST('/api/chatroom', { body: { name: 'A chatroom' } });
  return present(created.data, 'chatroom').chatroom.id;
}

async function sendMessage({ api }: User, chatroom: string, content: string): Promise<string> {
  const sent = await api.POST('/api/chatroom/{id}/message', {
    params: { path: { id: chatroom } },
    body: { content },
  });
  return present(sent.data, 'message').message.id;
}

async function waitForAnswer({ api }: User, id: string) {
  for (;;) {
    const status = await api.GET('/api/chatroom/message/{id}/status', {
      params: { path: { id }, query: { wait: 25 } },
    });
    const { message } = present(status.data, 'status');
    if (message.processing_status !== 'pending' && message.processing_status !== 'processing') {
      return message;
    }
  }
}

test('a message is answered, found and exported', { timeout: 90_000 }, async () => {
  const user = await signUp();
  const word = randomWord();
  const id = await sendMessage(user, await createChatroom(user), `A thought about ${word}`);

  const answered = await waitForAnswer(user, id);
  const found = await user.api.GET('/api/chatroom/search', { params: { query: { q: word } } });
  const exported = await user.api.GET('/api/user/export', { parseAs: 'text' });

  assert.equal(answered.processing_status, 'completed');
  assert.notEqual(present(answered.reply, 'reply').content, '');
  const types = present(found.data, 'results').results.map((result) => result.message_type);
  assert.deepEqual(types, ['ai', 'user']);
  const lines = parseLines<{ type: string }>(present(exported.data, 'export'));
  assert.equal(lines.filter((line) => line.type === 'message').length, 2);
  assert.equal(lines.at(-1)?.type, 'end');
});

test('a problem names the invalid field', async () => {
  const user = await signUp();

  const refused = await user.api.POST('/api/chatroom', { body: { name: '' } });

  assert.equal(refused.response.status, 400);
  const problem = present(refused.error, 'problem');
  assertCode(problem, 'validation_failed');
  assert.match(present(problem.errors, 'errors').join(), /^name: /);
});

test('a deleted account cannot be used', async () => {
  const { api, number } = await signUp();

  const refused = await api.DELETE('/api/user/me', { body: { password: 'not the password' } });
  const deleted = await api.DELETE('/api/user/me', { body: { password: PASSWORD } });
  const login = await api.POST('/api/auth/login', {
    body: { mobile_number: number, password: PASSWORD },
  });

  assertCode(refused.error, 'wrong_password');
  assert.equal(deleted.data?.success, true);
  assertCode(login.error, 'invalid_credentials');
});
