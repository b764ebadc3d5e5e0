import { LRUCache } from 'lru-cache';
import type { Log } from './log.js';
import type { Counter, Metrics } from './metrics.js';
import type { Clock } from './platform.js';

/** Lines of one kind that may be written at once, and then per second. */
interface LogRate {
  readonly burst: number;
  readonly perSecond: number;
}

/** For lines with the same message, or from the same script. */
const ofMessage: LogRate = { burst: 500, perSecond: 50 };
/** Lines that operators search individually. */
const ofSome: ReadonlyMap<string, LogRate> = new Map([
  ['info audit', { burst: 5000, perSecond: 500 }],
  ['info command answered', { burst: 2000, perSecond: 200 }],
]);
/** For lines of those with the same error at the same place. */
const ofCause: LogRate = { burst: 20, perSecond: 2 };
/** What an admin does: nobody may hide it by doing too much of it. Bounded by `rate.commands`. */
const neverOmitted: ReadonlySet<string> = new Set(['info admin audit']);
/** Kinds that are tracked; beyond it, the least recently used are dropped. */
const maxKinds = 2000;
/** Characters of an error's message that distinguish it from others. */
const distinctLength = 200;

export interface ThrottledLogOptions {
  readonly metrics: Metrics;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/**
 * A log that cannot fill the disk: similar lines above a rate are dropped and counted. The next
 * line of that kind has the number of dropped ones in `omitted`.
 */
export function throttled(log: Log, { metrics, clock }: ThrottledLogOptions): Log {
  const omitted = metrics.counter(
    'really_log_lines_omitted_total',
    'Log lines dropped because there were too many like them.',
  );
  return over(log, new Throttle(clock, omitted));
}

function over(log: Log, throttle: Throttle): Log {
  const paced =
    (level: 'debug' | 'info' | 'warn' | 'error') => (fields: object, message: string) => {
      const written = throttle.take(`${level} ${subjectOf(fields) ?? message}`, fields);
      if (written) log[level](written, message);
    };
  return {
    debug: paced('debug'),
    info: paced('info'),
    warn: paced('warn'),
    error: paced('error'),
    child: (fields) => over(log.child(fields), throttle),
  };
}

/** A token bucket: `fullAt` is the time at which it is full again. */
interface MessageKind {
  fullAt: number;
  omitted: number;
}

class Throttle {
  readonly #clock: ThrottledLogOptions['clock'];
  readonly #omitted: Counter;
  readonly #kinds = new LRUCache<string, MessageKind>({ max: maxKinds });

  constructor(clock: ThrottledLogOptions['clock'], omitted: Counter) {
    this.#clock = clock;
    this.#omitted = omitted;
  }

  /** The fields to write; `undefined` if the line is dropped. */
  take(subject: string, fields: object): object | undefined {
    if (neverOmitted.has(subject)) return fields;
    const cause = causeOf(fields);
    const kinds: [MessageKind, LogRate][] = [
      [this.#kind(subject), ofSome.get(subject) ?? ofMessage],
    ];
    if (cause !== undefined) kinds.unshift([this.#kind(`${subject} ${cause}`), ofCause]);
    const now = this.#clock.monotonic();
    if (!kinds.every(([kind, pace]) => hasRoom(kind, pace, now))) {
      for (const [kind] of kinds) kind.omitted += 1;
      this.#omitted.add();
      return undefined;
    }
    for (const [kind, { perSecond }] of kinds) {
      kind.fullAt = Math.max(kind.fullAt, now) + 1000 / perSecond;
    }
    const [[nearest]] = kinds as [[MessageKind, LogRate]];
    const { omitted } = nearest;
    for (const [kind] of kinds) kind.omitted = 0;
    return omitted > 0 ? { ...fields, omitted } : fields;
  }

  #kind(key: string): MessageKind {
    const known = this.#kinds.get(key);
    if (known) return known;
    const kind: MessageKind = { fullAt: Number.NEGATIVE_INFINITY, omitted: 0 };
    this.#kinds.set(key, kind);
    return kind;
  }
}

function hasRoom({ fullAt }: MessageKind, { burst, perSecond }: LogRate, now: number): boolean {
  return fullAt - now <= ((burst - 1) * 1000) / perSecond;
}

/** The script that a line is about, since its texts may differ each time. */
function subjectOf({ script }: { script?: unknown }): string | undefined {
  return typeof script === 'string' ? `script ${script}` : undefined;
}

/** The kind of a line with an error; `undefined` for one without. */
function causeOf(fields: { err?: unknown; cmd?: unknown }): string | undefined {
  const { err, cmd } = fields;
  if (!(err instanceof Error)) return undefined;
  const { cause } = err;
  const text = cause instanceof Error ? cause.message : err.message;
  return `${cmd} ${text.slice(0, distinctLength)}`;
}
