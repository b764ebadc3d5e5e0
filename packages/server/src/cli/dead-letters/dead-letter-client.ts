import { isJsonObject, type JsonObject, type JsonValue } from '@really/protocol';
import type { OperatorAccess } from '../../app/config/operator-access.js';
import { jsonIn } from '../../app/config/read-text.js';
import { assertAnswered, sendRequest } from '../http-request.js';

export interface ListedDeadLetter {
  readonly id: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly what: string;
  readonly about: string;
  readonly attempts: number;
  readonly reason: string;
}

/** Client for the dead letters of a server. Errors are readable lines. */
export class DeadLetterClient {
  readonly #access: OperatorAccess;
  readonly #url: string;

  constructor(access: OperatorAccess) {
    this.#access = access;
    this.#url = access.url.replace(/\/+$/, '');
  }

  async list(limit = 1000): Promise<ListedDeadLetter[]> {
    const { body } = await this.#ask('GET', `?limit=${limit}`);
    const letters = body?.deadLetters;
    if (!Array.isArray(letters)) throw new Error(`what is at ${this.#url} keeps no dead letters`);
    return letters.filter(isJsonObject).map(listed);
  }

  /** The present ones, oldest first: a later one of an object comes after the earlier ones again. */
  async allIds(): Promise<string[]> {
    return (await this.list()).map(({ id }) => id).reverse();
  }

  async find(id: string): Promise<JsonObject | undefined> {
    return (await this.#ask('GET', `/${encodeURIComponent(id)}`)).body;
  }

  async replay(id: string): Promise<boolean> {
    return (await this.#ask('POST', `/${encodeURIComponent(id)}/replay`)).found;
  }

  async drop(id: string): Promise<boolean> {
    return (await this.#ask('DELETE', `/${encodeURIComponent(id)}`)).found;
  }

  async #ask(
    method: string,
    path: string,
  ): Promise<{ readonly found: boolean; readonly body?: JsonObject | undefined }> {
    const { host, secret } = this.#access;
    const url = `${this.#url}/_dead-letters${path}`;
    const question = { method, url, host, headers: { 'X-Really-Secret': secret } };
    const { status, text } = await sendRequest(question).catch((cause: unknown) => {
      throw new Error(`there is no response from ${this.#url} (--url says where the server is)`, {
        cause,
      });
    });
    if (status === 404) return { found: false };
    assertAnswered(this.#url, status);
    const body = jsonIn(text);
    return { found: true, body: isJsonObject(body) ? body : undefined };
  }
}

function listed({ id, at, what, about, attempts, reason }: JsonObject): ListedDeadLetter {
  const text = (value: JsonValue | undefined) => (typeof value === 'string' ? value : '');
  const number = (value: JsonValue | undefined) => (typeof value === 'number' ? value : 0);
  return {
    id: text(id),
    at: number(at),
    what: text(what),
    about: text(about),
    attempts: number(attempts),
    reason: text(reason),
  };
}
