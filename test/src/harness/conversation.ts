import type { JsonObject } from '@really/protocol';
import { expect } from 'vitest';
import type { Client, ServerMessage } from './client.js';

const verified = (uid: string): JsonObject => ({
  uid,
  authType: 'password',
  data: { email: `${uid}@example.com`, emailVerified: true },
});

/**
 * Plays the conversation of a page, line by line: `amal > {…}` is sent by Amal, `amal < {…}` has to be what she gets: the
 * next push if it has an `evt`, otherwise the response to what she sent last. A command with no response shown has to
 * succeed. A shown text that ends in `…` stands for any text. `-- amal: {…}` are claims of her token other than those of
 * somebody with an account and a verified address.
 */
export class Conversation implements Disposable {
  /** How many responses and pushes were as shown. */
  compared = 0;
  readonly #connect: (claims: JsonObject) => Promise<Client>;
  readonly #claims = new Map<string, JsonObject>();
  readonly #clients = new Map<string, Client>();
  /** Commands that have not been answered as far as the page says. */
  #asked: { readonly name: string; readonly line: string; response: ServerMessage } | undefined;

  /** `connect`: opens a socket and initializes it with a token that has these claims. */
  constructor(connect: (claims: JsonObject) => Promise<Client>) {
    this.#connect = connect;
  }

  async play(text: string): Promise<void> {
    for (const line of text.trim().split('\n')) await this.#line(line);
    this.#expectSuccess();
  }

  async as(name: string): Promise<Client> {
    const known = this.#clients.get(name);
    if (known) return known;
    const claims = { ...verified(name), ...this.#claims.get(name) };
    const client = await this.#connect(claims);
    this.#clients.set(name, client);
    return client;
  }

  [Symbol.dispose](): void {
    for (const client of this.#clients.values()) client.socket.terminate();
  }

  async #line(line: string): Promise<void> {
    const [, name = '', sign = '', json = ''] =
      /^(?:-- )?(\w+)(?::| ([<>])) (\{.*\})$/.exec(line) ?? [];
    if (name === '') throw new Error(`not a line of a conversation: ${line}`);
    // The clients here count on by themselves.
    const { tag: _tag, ...message }: JsonObject = JSON.parse(json, shownText);
    if (sign === '<') return await this.#receive(name, message, line);
    this.#expectSuccess();
    if (sign === '>') {
      const client = await this.as(name);
      this.#asked = { name, line, response: await client.request(message) };
    } else {
      this.#claims.set(name, message);
    }
  }

  async #receive(name: string, shown: JsonObject, line: string): Promise<void> {
    const isResponse = shown.evt === undefined && this.#asked?.name === name;
    const asked = isResponse ? this.#asked : undefined;
    if (asked) this.#asked = undefined;
    else this.#expectSuccess();
    const received = asked?.response ?? (await (await this.as(name)).nextPush());
    expect(received, line).toMatchObject(shown);
    // What a refusal says is shown whole.
    if (received.error) expect(received.error, line).toEqual(shown.error);
    this.compared++;
  }

  #expectSuccess(): void {
    if (this.#asked) expect(this.#asked.response.error, this.#asked.line).toBeUndefined();
    this.#asked = undefined;
  }
}

/** A text that only some of is shown. Nobody sends one. */
function shownText(_name: string, value: unknown): unknown {
  return typeof value === 'string' && value.endsWith('…') ? expect.any(String) : value;
}
