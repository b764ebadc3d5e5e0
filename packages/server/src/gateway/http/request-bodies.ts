import type { Readable } from 'node:stream';
import { fail } from '@really/protocol';
import type { FastifyRequest } from 'fastify';
import type { Platform } from '../../platform/platform.js';
import { Deadlines } from '../../platform/scheduling/deadlines.js';
import { Intake } from '../limits/intake.js';
import type { IntakeRates } from '../limits/intake-rates.js';
import { type InputHolder, perPiece, type UnreadInput } from '../limits/unread-input.js';
import type { ClientAddresses } from '../server/client-addresses.js';
import { RefusedRequest, refusals } from '../server/http-refusal.js';
import { knownUid } from './auth/caller.js';

export interface RequestBodiesOptions {
  readonly platform: Platform;
  readonly addresses: ClientAddresses;
  readonly intakes: IntakeRates;
  readonly unread: UnreadInput;
}

/** Milliseconds in which part of a body has to arrive, and the size of that part. */
const progressTimeout = 20_000;
const leastBytes = 1024;

/**
 * Reads the bodies of authorized requests: each within its limit, at the rate of its uid and
 * address, and all within the limit of unread input.
 */
export class RequestBodies {
  readonly options: RequestBodiesOptions;
  /** Deadlines for the next part of bodies being read. */
  readonly slowTimers: Deadlines;
  /** When an address may send again. */
  readonly rateTimers: Deadlines;

  constructor(options: RequestBodiesOptions) {
    const { platform } = options;
    this.options = options;
    const due = (what: 'checkProgress' | 'onRateRecovered') => (key: object) => {
      if (key instanceof RequestBody) key[what]();
    };
    this.slowTimers = new Deadlines({ platform, clock: 'monotonic', due: due('checkProgress') });
    this.rateTimers = new Deadlines({ platform, clock: 'monotonic', due: due('onRateRecovered') });
  }

  /**
   * Rejects with `statusCode` 413 if it is too large, with 408 on a timeout, or with 503 if too
   * much input is unread.
   */
  read(request: FastifyRequest, payload: Readable): Promise<Buffer> {
    const limit = request.routeOptions.bodyLimit ?? Number.POSITIVE_INFINITY;
    if (Number(request.headers['content-length']) > limit) return Promise.reject(tooLarge());
    const address = this.options.addresses.of(request.raw);
    const uid = knownUid(request.raw);
    return new Promise((resolve, reject) => {
      new RequestBody(this, { payload, limit, address, uid }, (error, bytes) => {
        if (bytes) resolve(bytes);
        else reject(error);
      });
    });
  }
}

interface RequestBodyOptions {
  readonly payload: Readable & { readonly receivedEncodedLength?: number | undefined };
  readonly limit: number;
  readonly address: string;
  /** The sender's uid, if known. */
  readonly uid: string | undefined;
}

type BodyDone = (error: unknown, bytes?: Buffer) => void;

class RequestBody implements InputHolder {
  readonly address: string;
  readonly #bodies: RequestBodies;
  readonly #options: RequestBodyOptions;
  readonly #done: BodyDone;
  readonly #intake: Intake;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #bytesSeen = 0;
  #isPaused = false;

  constructor(bodies: RequestBodies, options: RequestBodyOptions, done: BodyDone) {
    this.address = options.address;
    this.#bodies = bodies;
    this.#options = options;
    this.#done = done;
    this.#intake = Intake.ofRequest(bodies.options.intakes, options);
    const { payload } = options;
    payload.on('data', this.#take).on('end', this.#end).on('error', this.#failed);
    payload.on('close', this.#closed);
    this.#await();
    payload.resume();
  }

  giveUp(): void {
    this.#finish(fail('server.unavailable', undefined, { meta: { retryAfter: 1 } }));
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
      this.#bodies.rateTimers.set(this, this.#intake.roomAt);
      return;
    }
    this.#isPaused = false;
    this.#options.payload.resume();
  }

  readonly #take = (chunk: Buffer): void => {
    const { limit, payload } = this.#options;
    const { unread } = this.#bodies.options;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > limit || (payload.receivedEncodedLength ?? 0) > limit) {
      this.#finish(tooLarge());
      return;
    }
    this.#intake.pay(chunk.length);
    if (this.#intake.isOver) {
      this.#isPaused = true;
      payload.pause();
      this.#bodies.rateTimers.set(this, this.#intake.roomAt);
    }
    unread.set(this, this.#bytes + this.#chunks.length * perPiece);
  };

  readonly #end = (): void => this.#finish(undefined, Buffer.concat(this.#chunks, this.#bytes));

  readonly #failed = (error: Error & { statusCode?: number }): void => {
    error.statusCode ??= 400;
    this.#finish(error);
  };

  readonly #closed = (): void => this.#finish(Object.assign(new Error(), { statusCode: 400 }));

  #await(): void {
    this.#bytesSeen = this.#bytes;
    this.#bodies.slowTimers.set(
      this,
      this.#bodies.options.platform.clock.monotonic() + progressTimeout,
    );
  }

  #finish(error: unknown, bytes?: Buffer): void {
    const { payload } = this.#options;
    payload.off('data', this.#take).off('end', this.#end);
    payload.off('error', this.#failed).off('close', this.#closed);
    // It may still fail, which no longer matters.
    payload.on('error', () => {});
    this.#chunks.length = 0;
    this.#bodies.slowTimers.clear(this);
    this.#bodies.rateTimers.clear(this);
    this.#intake.end();
    this.#bodies.options.unread.set(this, 0);
    this.#done(error, bytes);
  }
}

function tooLarge(): Error {
  return Object.assign(new Error('too large'), { statusCode: 413 });
}
