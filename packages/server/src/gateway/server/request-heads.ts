import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Timer, Timers } from '../../platform/platform.js';
import type { IntakeBucket, IntakeRates } from '../limits/intake-rates.js';
import type { ClientAddresses } from './client-addresses.js';

export interface RequestHeadsOptions {
  readonly rates: Pick<IntakeRates, 'clock' | 'ofAddress' | 'leave' | 'over'>;
  readonly addresses: Pick<ClientAddresses, 'isProxy'>;
  readonly timers: Timers;
}

/** Minimum price of a head, in bytes: a short one takes as long as that many bytes of a message. */
const leastPrice = 1024;

/** The sockets of an address, and what they pay from. */
interface Sender {
  readonly sockets: Set<Socket>;
  readonly bucket: IntakeBucket;
  /** Runs while it is over its rate. */
  timer: Timer | undefined;
}

/** What the sockets of a server do with their requests. */
export interface RequestSockets {
  /** The socket may be read again. */
  readonly readOn: (socket: Socket) => void;
  /** The socket receives the body of a request that has begun. */
  readonly isReceiving: (socket: Socket) => boolean;
}

/**
 * Charges the heads of requests to the address that sends them (rule LIM27). While it is over its
 * rate, none of its sockets is read, new ones neither, except for WebSockets and for the body of a
 * request that has begun: these are charged by their connection and their reader. The sockets of a
 * trusted proxy carry the requests of many clients, and are free.
 */
export class RequestHeads {
  readonly #options: RequestHeadsOptions;
  readonly #senders = new Map<IntakeBucket, Sender>();
  readonly #bySocket = new WeakMap<Socket, Sender>();
  readonly #watched = new WeakSet<Socket>();
  #requests: RequestSockets = { readOn: () => {}, isReceiving: () => false };

  constructor(options: RequestHeadsOptions) {
    this.#options = options;
  }

  /** Begins with the sockets of a server. */
  watch(server: Server, requests: RequestSockets): void {
    this.#requests = requests;
    const accepted = server instanceof TlsServer ? 'secureConnection' : 'connection';
    server.on(accepted, (socket: Socket) => this.#enter(socket));
    server.on('upgrade', ({ socket }: IncomingMessage) => {
      this.pay(socket, leastPrice);
      this.#leave(socket);
    });
  }

  /** Charges the head of a request. */
  pay(socket: Socket, bytes: number): void {
    const sender = this.#bySocket.get(socket);
    if (!sender) return;
    const { rates } = this.#options;
    const now = rates.clock.monotonic();
    sender.bucket.payShare(Math.max(bytes, leastPrice), now);
    if (sender.bucket.roomAt <= now) return;
    if (sender.timer) {
      // It was read on meanwhile, for a body.
      this.#pause(socket);
      return;
    }
    rates.over('rate.addressBytes');
    this.#await(sender, now);
    for (const each of sender.sockets) this.#pause(each);
  }

  /** True while the address of a socket is over its rate, so that no requests are read from it. */
  isOver(socket: Socket): boolean {
    return this.#bySocket.get(socket)?.timer !== undefined;
  }

  #enter(socket: Socket): void {
    const { remoteAddress } = socket;
    const { rates, addresses } = this.#options;
    if (remoteAddress === undefined || addresses.isProxy(remoteAddress)) return;
    const bucket = rates.ofAddress(remoteAddress);
    const known = this.#senders.get(bucket);
    if (known) rates.leave(bucket);
    const sender = known ?? { sockets: new Set(), bucket, timer: undefined };
    this.#senders.set(bucket, sender);
    sender.sockets.add(socket);
    this.#bySocket.set(socket, sender);
    // A replayed request is on a socket that is watched already.
    if (!this.#watched.has(socket)) socket.once('close', () => this.#leave(socket));
    this.#watched.add(socket);
    const now = rates.clock.monotonic();
    // Its last sockets may have closed in debt.
    if (!sender.timer && bucket.roomAt > now) this.#await(sender, now);
    if (sender.timer) this.#pause(socket);
  }

  #leave(socket: Socket): void {
    const sender = this.#bySocket.get(socket);
    if (!sender) return;
    this.#bySocket.delete(socket);
    sender.sockets.delete(socket);
    if (sender.sockets.size > 0) return;
    sender.timer?.cancel();
    this.#senders.delete(sender.bucket);
    this.#options.rates.leave(sender.bucket);
  }

  #await(sender: Sender, now: number): void {
    const { timers, rates } = this.#options;
    sender.timer = timers.after(Math.max(1, sender.bucket.roomAt - now), () => {
      sender.timer = undefined;
      const later = rates.clock.monotonic();
      if (sender.bucket.roomAt > later) this.#await(sender, later);
      else for (const socket of sender.sockets) this.#requests.readOn(socket);
    });
  }

  #pause(socket: Socket): void {
    pauseReading(socket, () => this.isOver(socket) && !this.#requests.isReceiving(socket));
  }
}

/**
 * Pauses the socket of a request that has just been read, if that is still wanted then: Node resumes
 * it when it has read the rest of the request, so that an earlier pause would have no effect.
 */
export function pauseReading(socket: Socket, isWanted: () => boolean): void {
  queueMicrotask(() => {
    if (isWanted()) socket.pause();
  });
}
