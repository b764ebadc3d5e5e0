import type { Counter, Histogram, Metrics } from '../platform/metrics.js';
import type { EgressMetrics } from './websocket/egress.js';

export interface CommandMetrics {
  /** One more is in flight; -1: one less. */
  inFlight(change: 1 | -1): void;
  /** `result`: `ok`, or the code of the error. `trace`: where to find more about it. */
  command(cmd: string, result: string, seconds: number, trace?: string): void;
}

/** What `/metrics` reads when it is scraped. */
export interface GatewayLevels {
  connections(): number;
  congested(): number;
  streams(): number;
  rateKeys(): number;
  /** Addresses that have a connection. */
  addresses(): number;
  /** Bytes that wait for connections that are behind. */
  waitingBytes(): number;
  /** Connections and requests that wait for their app's next turn. */
  throttledRequests(): number;
}

const latencies = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batches = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** Codes that the error table and this server know. What hooks make up is one label, so that labels stay few. */
const knownCodes = new Set('400 401 403 404 405 409 410 413 429 500 503'.split(' '));
const knownCloses = new Set([1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1013]);

/** Everything that the gateway counts. */
export class GatewayMetrics implements EgressMetrics, CommandMetrics {
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
  #received = 0;
  #receivedBytes = 0;

  constructor(metrics: Metrics, levels: GatewayLevels) {
    const counter = (name: string, help: string, labels?: string[]) =>
      metrics.counter(`really_${name}_total`, help, labels);
    this.#commands = counter('commands', 'Commands answered', ['cmd', 'result']);
    this.#latency = metrics.histogram(
      'really_command_duration_seconds',
      'Time from receiving a command to queueing its answer',
      latencies,
      ['cmd'],
    );
    this.#framesIn = counter('frames_received', 'Messages received');
    this.#bytesIn = counter('bytes_received', 'Bytes of the messages received');
    this.#framesOut = counter('frames_sent', 'Frames sent');
    this.#bytesOut = counter('bytes_sent', 'Bytes of the frames sent');
    this.#batch = metrics.histogram(
      'really_write_batch_frames',
      'Frames per write to a socket, mean of one turn of the event loop',
      batches,
    );
    this.#opened = counter('connections_opened', 'WebSocket connections opened');
    this.#refused = counter('connections_refused', 'Upgrades refused', ['code']);
    this.#closed = counter('connections_closed', 'WebSocket connections closed', ['code']);
    this.#kicked = counter('connections_kicked', 'Connections kicked for silence');
    this.#limited = counter('rate_limited', 'Commands and logins over a rate', ['by']);
    metrics.observe('really_connections', 'WebSocket connections open', levels.connections);
    metrics.observe(
      'really_throttled_requests',
      'Connections and requests that wait until the other apps of the server had their turn.',
      levels.throttledRequests,
    );
    metrics.observe('really_congested_connections', 'Connections behind', levels.congested);
    metrics.observe('really_event_streams', 'Server-sent event streams open', levels.streams);
    metrics.observe('really_rate_limit_keys', 'Uids and addresses counted', levels.rateKeys);
    metrics.observe(
      'really_connection_addresses',
      'Addresses that have a connection',
      levels.addresses,
    );
    metrics.observe(
      'really_connection_waiting_bytes',
      'Bytes of output that wait for connections that are behind',
      levels.waitingBytes,
    );
    metrics.observe(
      'really_commands_in_flight',
      'Commands received and not answered yet, those that wait their turn included',
      () => this.#inFlight,
    );
  }

  inFlight(change: 1 | -1): void {
    this.#inFlight += change;
  }

  command(cmd: string, result: string, seconds: number, trace?: string): void {
    this.#commands.add(1, cmd, result === 'ok' || knownCodes.has(result) ? result : 'other');
    this.#latency.recordTraced(trace, seconds, cmd);
  }

  /** One message more; told to the port with the next answers, which is cheaper. */
  received(bytes: number): void {
    this.#received++;
    this.#receivedBytes += bytes;
  }

  wrote(sockets: number, frames: number, bytes: number): void {
    this.#framesOut.add(frames);
    this.#bytesOut.add(bytes);
    this.#batch.record(frames / sockets);
    this.settle();
  }

  /** Tells the port what was received since the last time. */
  settle(): void {
    if (this.#received === 0) return;
    this.#framesIn.add(this.#received);
    this.#bytesIn.add(this.#receivedBytes);
    this.#received = 0;
    this.#receivedBytes = 0;
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
