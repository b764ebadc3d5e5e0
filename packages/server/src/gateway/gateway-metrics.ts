import type { Counter, Histogram, Metrics } from '../platform/metrics.js';
import type { EgressMetrics } from './websocket/egress.js';

const latencies = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batches = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Codes of the error table. Those of hooks share one label, to bound the number of series. */
const knownCodes = new Set('400 401 403 404 405 409 410 413 429 500 503'.split(' '));
const knownCloses = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1013]);

export class GatewayMetrics implements EgressMetrics {
  readonly #port: Metrics;
  readonly #commands: Counter;
  readonly #latency: Histogram;
  readonly #framesIn: Counter;
  readonly #bytesIn: Counter;
  readonly #framesOut: Counter;
  readonly #bytesOut: Counter;
  readonly #batch: Histogram;
  readonly #opened: Counter;
  readonly #refused: Counter;
  readonly #closed: Counter;
  readonly #kicked: Counter;
  readonly #limited: Counter;
  #inFlight = 0;

  constructor(metrics: Metrics) {
    this.#port = metrics;
    const counter = (name: string, help: string, labels?: string[]) =>
      metrics.counter(`really_${name}_total`, help, labels);
    this.#commands = counter('commands', 'Commands answered.', ['cmd', 'result']);
    this.#latency = metrics.histogram(
      'really_command_duration_seconds',
      'Time from receiving a command to queueing its response.',
      latencies,
      ['cmd'],
    );
    this.#framesIn = counter('frames_received', 'Messages received.');
    this.#bytesIn = counter('bytes_received', 'Bytes of the messages received.');
    this.#framesOut = counter('frames_sent', 'Frames sent.');
    this.#bytesOut = counter('bytes_sent', 'Bytes of the frames sent.');
    this.#batch = metrics.histogram(
      'really_write_batch_frames',
      'Frames per write to a socket, mean over one tick of the event loop.',
      batches,
    );
    this.#opened = counter('connections_opened', 'WebSocket connections opened.');
    this.#refused = counter('connections_refused', 'Upgrades refused.', ['code']);
    this.#closed = counter('connections_closed', 'WebSocket connections closed.', ['code']);
    this.#kicked = counter('connections_kicked', 'Connections closed because they were idle.');
    this.#limited = counter('rate_limited', 'Commands and logins refused by a rate limit.', ['by']);
    metrics.observe(
      'really_commands_in_flight',
      'Commands received and not answered yet, including queued ones.',
      () => this.#inFlight,
    );
  }

  /** Registers a gauge, which is read when `/metrics` is scraped. */
  observe(name: string, help: string, read: () => number): void {
    this.#port.observe(`really_${name}`, help, read);
  }

  /** 1: another command is in flight; -1: one has ended. */
  inFlight(change: 1 | -1): void {
    this.#inFlight += change;
  }

  /** `result`: `ok` or the error code. `trace`: trace id for an exemplar. */
  command(cmd: string, result: string, seconds: number, trace?: string): void {
    this.#commands.add(1, cmd, result === 'ok' || knownCodes.has(result) ? result : 'other');
    this.#latency.recordTraced(trace, seconds, cmd);
  }

  received(bytes: number): void {
    this.#framesIn.add();
    this.#bytesIn.add(bytes);
  }

  wrote(sockets: number, frames: number, bytes: number): void {
    this.#framesOut.add(frames);
    this.#bytesOut.add(bytes);
    this.#batch.record(frames / sockets);
  }

  opened(): void {
    this.#opened.add();
  }

  refused(code: number): void {
    this.#refused.add(1, String(code));
  }

  closed(code: number): void {
    this.#closed.add(1, knownCloses.has(code) ? String(code) : 'other');
  }

  kicked(): void {
    this.#kicked.add();
  }

  limited(by: 'uid' | 'address' | 'signup' | 'login'): void {
    this.#limited.add(1, by);
  }
}
