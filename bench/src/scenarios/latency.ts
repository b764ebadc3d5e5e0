import { openSocket } from '../clients/open-socket.js';
import { clientFrame, type RawSocket } from '../clients/raw-socket.js';
import { percentile } from '../report.js';
import type { TargetServer } from '../targets/target.js';

export interface LatencyResult {
  readonly p50: number;
  readonly p99: number;
}

/** Updates that precede what is measured, as in the other scenarios: V8 compiles meanwhile. */
const warmUpUpdates = 8000;
const warmUpInFlight = 16;

/** Milliseconds from sending an update to hearing its push on another socket, at a steady rate. */
export async function latency(
  target: TargetServer,
  perSecond: number,
  seconds: number,
): Promise<LatencyResult> {
  const writer = await openSocket(target, 'writer');
  const subscriber = await openSocket(target, 'hearer');
  await writer.request({ tag: 2, cmd: 'create', r: '/things/timed', body: { n: 0 } } as {
    tag: number;
  });
  await subscriber.request({
    tag: 2,
    cmd: 'subscribe',
    body: { subscriptions: [{ r: '/things/timed', rev: 1 }] },
  } as { tag: number });
  const text = JSON.stringify({
    tag: 5,
    cmd: 'update',
    r: '/things/timed',
    rev: 1,
    body: { ops: [{ op: 'addNumber', key: 'n', value: 1 }] },
  });
  await warmUp(writer, subscriber, text);
  const sentAt: number[] = [];
  const latencies: number[] = [];
  const updates = perSecond * seconds;
  const done = new Promise<void>((resolve) => {
    subscriber.onFrames = (count) => {
      for (let n = 0; n < count; n++)
        latencies.push(performance.now() - (sentAt[latencies.length] ?? 0));
      if (latencies.length >= updates) resolve();
    };
  });
  const begun = performance.now();
  const timer = setInterval(() => {
    const due = Math.min(updates, Math.floor(((performance.now() - begun) / 1000) * perSecond));
    while (sentAt.length < due) {
      sentAt.push(performance.now());
      writer.send(text);
    }
    if (sentAt.length >= updates) clearInterval(timer);
  }, 1);
  await done;
  writer.close();
  subscriber.close();
  return { p50: percentile(latencies, 50), p99: percentile(latencies, 99) };
}

async function warmUp(writer: RawSocket, subscriber: RawSocket, text: string): Promise<void> {
  const frame = clientFrame(text);
  await new Promise<void>((resolve) => {
    let sent = 0;
    let heard = 0;
    const send = (count: number): void => {
      const more = Math.min(count, warmUpUpdates - sent);
      sent += more;
      if (more > 0) writer.sendMany(Buffer.concat(Array.from({ length: more }, () => frame)));
    };
    subscriber.onFrames = (count) => {
      heard += count;
      if (heard >= warmUpUpdates) resolve();
      else send(count);
    };
    send(warmUpInFlight);
  });
}
