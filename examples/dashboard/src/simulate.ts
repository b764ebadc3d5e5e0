// A thousand machines that report their load, as agents on them would: over the client, from Node.js.
import { Really } from '@really/client';
import { compareClocks } from './clock.js';
import type { Machines, Models } from './really.js';

const sites = ['berlin', 'lagos', 'lima', 'osaka', 'paris'];
const count = 1000;

export interface SimulationOptions {
  readonly url: string;
  /** Of the uid `simulator`. */
  readonly token: string | (() => Promise<string>);
  /** Reports a second, of all machines together. */
  readonly rate: number;
}

/** Creates the machines that are not there, and has them report until the function that it returns is called. */
export async function simulate({
  url,
  token,
  rate,
}: SimulationOptions): Promise<() => Promise<void>> {
  const really = new Really<Models>(url, { token });
  await createMachines(really);
  const { items } = await really.collection('/machines').read({ limit: count });
  const machines = items.map(({ _r, site, load }) => ({ _r, site, load }));
  const { ahead } = await compareClocks(really);
  const began = performance.now();
  let reports = 0;
  const timer = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    // After a pause of this process what is due is left out.
    const due = Math.min(seconds * rate - reports, rate / 4);
    reports = seconds * rate - (due % 1);
    for (let n = 1; n <= due; n++) {
      const machine = machines[Math.floor(Math.random() * machines.length)];
      if (!machine) continue;
      machine.load = nextLoad(machine, seconds);
      report(really, machine, Date.now() + ahead);
    }
  }, 20);
  return async () => {
    clearInterval(timer);
    await written(really);
    really.close();
  };
}

async function createMachines(really: Really<Models>): Promise<void> {
  const machines = really.collection('/machines');
  const { items } = await machines.read({ fields: ['name'], limit: count });
  const present = new Set<string>(items.map(({ name }) => name));
  const missing = Array.from({ length: count }, (_, n) => machineName(n)).filter(
    (name) => !present.has(name),
  );
  const at = new Date().toISOString();
  while (missing.length > 0) {
    await really.batch((batch) => {
      for (const name of missing.splice(0, 100)) {
        const site = name.split('-')[0] ?? '';
        batch.create(machines, { name, site, load: 40 + 20 * Math.random(), at }, { id: name });
      }
    });
  }
}

const machineName = (n: number) =>
  `${sites[n % sites.length]}-${String(Math.floor(n / sites.length)).padStart(3, '0')}`;

/** The loads of a site rise and fall together, more or less. */
function nextLoad({ site, load }: Pick<Machines, 'site' | 'load'>, seconds: number): number {
  const usual = 45 + 30 * Math.sin(seconds / 15 + sites.indexOf(site));
  const next = load + (usual - load) * 0.2 + (Math.random() - 0.5) * 20;
  return Math.round(Math.min(Math.max(next, 0), 100) * 10) / 10;
}

/** Not queued: a report that waits for a connection is old, and another one follows. */
function report(
  really: Really<Models>,
  { _r, load }: Pick<Machines, '_r' | 'load'>,
  at: number,
): void {
  const time = new Date(at).toISOString();
  const write = really
    .object(_r)
    .update((u) => u.set('load', load).set('at', time), { queue: false });
  write.catch(() => {});
}

/** Resolves when nothing waits for an answer. */
async function written(really: Really<Models>): Promise<void> {
  while (really.connection.getSnapshot().pendingWrites > 0) {
    await new Promise<void>((resolve) => {
      const end = really.connection.subscribe(() => {
        end();
        resolve();
      });
    });
  }
}
