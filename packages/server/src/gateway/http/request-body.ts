import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { fail, type JsonObject } from '@really/protocol';
import type { FastifyRequest } from 'fastify';
import { unavailable } from '../../objects/unavailable.js';
import type { AppDeps } from '../app-deps.js';
import { Intake } from '../limits/intake.js';
import { type InputHolder, perPiece, worthCounting } from '../limits/unread-input.js';
import { RefusedRequest, refusals } from '../server/http-refusal.js';
import { parseCharged, worthTiming } from '../websocket/parse-message.js';
import { knownUid } from './auth/caller.js';
import { afterResponse } from './http-output.js';

/** Milliseconds in which part of a body has to arrive, and the size of that part. */
const progressTimeout = 20_000;
const leastBytes = 1024;

/** Bytes after which what is held is counted again: a body may come in pieces of one byte. */
const countedStep = 4096;

/**
 * Reads the body of an authorized request: within its limit, at the rate of its uid and address,
 * and all together within the limit of unread input. Rejects with `statusCode` 413 if it is too
 * large, with 408 on a timeout, or with 503 if too much input is unread.
 */
export function readBody(
  deps: AppDeps,
  request: FastifyRequest,
  payload: Readable,
): Promise<Buffer> {
  const limit = request.routeOptions.bodyLimit ?? Number.POSITIVE_INFINITY;
  if (Number(request.headers['content-length']) > limit) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    new RequestBody(deps, { request, payload, limit }, (error, bytes) => {
      if (bytes) resolve(bytes);
      else reject(error);
    });
  });
}

interface RequestBodyOptions {
  readonly request: FastifyRequest;
  readonly payload: Readable & { readonly receivedEncodedLength?: number | undefined };
  readonly limit: number;
}

/** By what they have read: the bodies whose requests are not answered. */
const bodies = new WeakMap<Buffer, RequestBody>();

type BodyDone = (error: unknown, bytes?: Buffer) => void;

/**
 *   reading --> read <--> parsing
 *      |          |          |
 *      +----------+----------+--giveUp--> gone
 *
 * Once it was read, its memory counts until the response is over.
 */
type BodyState = 'reading' | 'read' | 'parsing' | 'gone';

class RequestBody implements InputHolder {
  readonly address: string;
  readonly #deps: AppDeps;
  readonly #options: RequestBodyOptions;
  readonly #done: BodyDone;
  readonly #intake: Intake;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #bytesSeen = 0;
  /** What was held when it was last counted as unread input. */
  #counted = 0;
  #isPaused = false;
  #state: BodyState = 'reading';

  constructor(deps: AppDeps, options: RequestBodyOptions, done: BodyDone) {
    const { request, payload } = options;
    this.address = deps.addresses.of(request.raw);
    this.#deps = deps;
    this.#options = options;
    this.#done = done;
    this.#intake = Intake.ofRequest(deps.intakes, {
      address: this.address,
      uid: knownUid(request.raw),
    });
    payload.on('data', this.#take).on('end', this.#end).on('error', this.#failed);
    payload.on('close', this.#closed);
    this.#await();
    this.onRateRecovered();
  }

  giveUp(): void {
    const before = this.#state;
    this.#state = 'gone';
    if (before === 'reading') this.#finish(unavailable());
    else if (before === 'read') this.#options.request.raw.socket.destroy();
  }

  /** Counts what it has become, and drops the bytes. Throws 503 if that is too much. */
  parsed(memory: number): void {
    const { request } = this.#options;
    request.body = undefined;
    if (!this.#isGone) {
      this.#state = 'parsing';
      this.#countUntilAnswered(this.#bytes + memory);
    }
    if (this.#isGone) throw unavailable();
    this.#state = 'read';
  }

  get #isGone(): boolean {
    return this.#state === 'gone';
  }

  #countUntilAnswered(bytes: number): void {
    const { unread } = this.#deps;
    unread.set(this, bytes);
    if (bytes < worthCounting) return;
    afterResponse(this.#options.request.raw.socket, () => unread.set(this, 0));
  }

  /** The deadline for the next part has passed; it does not count while reading was paused. */
  checkProgress(): void {
    const isSlow = !this.#isPaused && this.#bytes - this.#bytesSeen < leastBytes;
    if (isSlow) this.#finish(new RefusedRequest(refusals.tooSlow));
    else this.#await();
  }

  onRateRecovered(): void {
    // Others of its uid or address may have used up the rate.
    if (this.#intake.recheck()) {
      this.#pause();
      return;
    }
    this.#isPaused = false;
    this.#options.payload.resume();
  }

  readonly #take = (chunk: Buffer): void => {
    const { limit, payload } = this.#options;
    const { unread } = this.#deps;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > limit || (payload.receivedEncodedLength ?? 0) > limit) {
      this.#finish(tooLarge());
      return;
    }
    this.#intake.pay(Math.max(chunk.length, perPiece));
    if (this.#intake.isOver) this.#pause();
    const held = this.#bytes + this.#chunks.length * perPiece;
    if (held - this.#counted < countedStep) return;
    this.#counted = held;
    unread.set(this, held);
  };

  readonly #end = (): void => this.#finish(undefined, Buffer.concat(this.#chunks, this.#bytes));

  readonly #failed = (error: Error & { statusCode?: number }): void => {
    error.statusCode ??= 400;
    this.#finish(error);
  };

  readonly #closed = (): void => this.#finish(Object.assign(new Error(), { statusCode: 400 }));

  /** Stops reading until there is room. */
  #pause(): void {
    this.#isPaused = true;
    this.#options.payload.pause();
    this.#deps.rateTimers.set(this, this.#intake.takeTurn());
  }

  #await(): void {
    this.#bytesSeen = this.#bytes;
    const { bodyTimers, platform } = this.#deps;
    bodyTimers.set(this, platform.clock.monotonic() + progressTimeout);
  }

  #finish(error: unknown, bytes?: Buffer): void {
    const { payload } = this.#options;
    payload.off('data', this.#take).off('end', this.#end);
    payload.off('error', this.#failed).off('close', this.#closed);
    // It may still fail, which no longer matters.
    payload.on('error', () => {});
    this.#chunks.length = 0;
    this.#deps.bodyTimers.clear(this);
    this.#deps.rateTimers.clear(this);
    this.#intake.end();
    if (bytes) {
      this.#state = 'read';
      bodies.set(bytes, this);
    }
    this.#countUntilAnswered(bytes?.length ?? 0);
    this.#done(error, bytes);
  }
}

function tooLarge(): Error {
  return Object.assign(new Error('too large'), { statusCode: 413 });
}

/**
 * Rule HTTP4: a body is JSON whatever its Content-Type; with the number of members of its objects.
 * `undefined` if there is none. Large ones take turns, since many may end at the same moment, and
 * what they cost is charged to the sender.
 */
export async function parsedBody(
  body: unknown,
  deps: AppDeps,
  { raw }: FastifyRequest,
): Promise<{ readonly message: JsonObject; readonly members: number } | undefined> {
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  const address = deps.addresses.of(raw);
  if (body.length >= worthTiming) {
    await new Promise<void>((resolve) => deps.bodyTurns.take(address, resolve));
  }
  const intake = Intake.ofRequest(deps.intakes, { address, uid: knownUid(raw) });
  const parsed = parseCharged(body, deps, intake);
  intake.end();
  if (parsed.kind === 'message') {
    bodies.get(body)?.parsed(parsed.memory);
    return parsed;
  }
  if (parsed.kind === 'malformed') throw fail('json.malformed');
  throw fail.invalid(parsed.member, parsed.detail);
}

const givenTypes = new WeakMap<Pick<IncomingMessage, 'headers'>, string>();

/** All bodies are JSON, whatever their Content-Type (rule HTTP4): makes fastify treat them so. */
export function forceJsonContentType(request: IncomingMessage): void {
  const type = request.headers['content-type'];
  if (type !== undefined) givenTypes.set(request, type);
  request.headers['content-type'] = 'application/json';
}

/** The Content-Type that the request declares. */
export function contentTypeOf(request: IncomingMessage): string | undefined {
  return givenTypes.get(request);
}
