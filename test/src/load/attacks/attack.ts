import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { type WireServer, wireServer } from '../../wire/wire-server.js';
import { innocentApp } from './innocent-app.js';
import { type Figures, Innocents } from './innocents.js';

/** Milliseconds of an attack: a short form, and the long one that `npm run attacks` asks for. */
export const attackTime = Number(process.env.ATTACK_SECONDS ?? 3) * 1000;
/** Whether this is the long form. */
export const isLong = process.env.ATTACK_SECONDS !== undefined;

/** setpriority(2). */
const priorities = { usual: 0, lowest: 19 };

/** The address of attackers; the bystanders have another. */
export const attackerAddress = '127.0.0.2';

/** A server to attack, with these models besides those of the bystanders. */
export function attackedServer(
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): WireServer {
  return wireServer(env, { ...innocentApp, ...files });
}

export interface Harm {
  readonly before: Figures;
  readonly during: Figures;
  /** Bytes of resident memory: before, and the most that was seen meanwhile. */
  readonly memory: { readonly before: number; readonly most: number };
}

export interface AttackOptions {
  /** Goes on until the signal says so, or until it is done; then the next one may begin. */
  readonly attack: (until: AbortSignal) => Promise<void>;
  /** Bytes by which the resident memory may grow. */
  readonly memory?: number | undefined;
  /** Whether the attack did what it is to do: where the machine is busy, it goes on until then. */
  readonly hasBitten?: (() => boolean | Promise<boolean>) | undefined;
}

/**
 * Attacks a server, and expects that the innocent hardly feel it: their 99th percentile stays below ten times what it was and below half a second,
 * none of them waits a second, nothing fails for the server's fault, and the memory stays within what is stated. Since the machine may be busy with
 * something else, the best of three attacks counts.
 */
export async function expectUnharmed(server: WireServer, options: AttackOptions): Promise<void> {
  using innocents = await Innocents.start(server);
  let complaints: string[] = [];
  for (let attempt = 0; attempt < 3; attempt++) {
    const harm = await harmOf(server, innocents, options);
    process.stdout.write(`${reported(harm)}\n`);
    complaints = complaintsAbout(harm, options);
    if (complaints.length === 0) return;
  }
  expect(complaints).toEqual([]);
}

async function harmOf(
  server: WireServer,
  innocents: Innocents,
  { attack, hasBitten }: AttackOptions,
): Promise<Harm> {
  const { figures: before } = await innocents.during(async () => {}, attackTime / 2);
  const resident = residentBytes(server.process.pid);
  let most = resident;
  const watch = setInterval(() => {
    most = Math.max(most, residentBytes(server.process.pid));
  }, 100);
  try {
    setAttackerPriority(priorities.lowest);
    const over = new AbortController();
    const { figures: during } = await innocents.during(async () => {
      const ending = endInTime(over, hasBitten);
      await attack(over.signal).finally(() => over.abort());
      await ending;
    });
    return { before, during, memory: { before: resident, most } };
  } finally {
    clearInterval(watch);
    setAttackerPriority(priorities.usual);
  }
}

/**
 * Ends the attack when its time is over and it has bitten, and after ten times its time in any case. Resolves when it has
 * ended, by itself or by this.
 */
async function endInTime(
  over: AbortController,
  hasBitten: AttackOptions['hasBitten'],
): Promise<void> {
  const { signal } = over;
  const latest = performance.now() + 10 * attackTime;
  try {
    await pause(attackTime, undefined, { signal });
    while (hasBitten && performance.now() < latest && !(await hasBitten())) {
      await pause(100, undefined, { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    over.abort();
  }
}

/**
 * Attackers have a machine of their own elsewhere: here the server and the innocent come first. Only where this can be undone: what is started
 * later inherits it.
 */
function setAttackerPriority(priority: number): void {
  if (process.getuid?.() === 0) setPriority(priority);
}

/** In the short form what a busy machine does is allowed for. */
function complaintsAbout({ before, during, memory }: Harm, options: AttackOptions): string[] {
  const tenfold = 10 * before.p99;
  const p99 = isLong ? Math.min(500, Math.max(50, tenfold)) : Math.max(500, tenfold);
  const longest = isLong ? 1000 : Math.max(1000, 10 * before.longest);
  const bounds: [string, number, number][] = [
    ['p99 in ms', during.p99, p99],
    ['the longest in ms', during.longest, longest],
    ['growth of memory', memory.most - memory.before, options.memory ?? Number.POSITIVE_INFINITY],
  ];
  const beyond = bounds.filter(([, value, bound]) => !(value < bound));
  return [
    ...beyond.map(([what, value, bound]) => `${what}: ${value}, expected below ${bound}`),
    ...during.failures,
    ...(during.count > 0 ? [] : ['the innocent got no answer']),
  ];
}

function reported({ before, during, memory }: Harm): string {
  const figures = ({ p50, p99, longest, count }: Figures) =>
    `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, longest ${longest.toFixed(0)} ms of ${count}`;
  const megabytes = Math.round((memory.most - memory.before) / 1e6);
  return `before: ${figures(before)}; during: ${figures(during)}; memory +${megabytes} MB`;
}

/** Linux: proc(5). 0 where the process is gone. */
function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
