import type { ObjectsLimits } from '../../objects/objects.js';
import type { Limits } from '../../platform/limits.js';
import type { Metrics } from '../../platform/metrics.js';
import type { PostHookLimits } from '../../posthooks/post-hooks.js';
import type { Values } from './config-keys.js';

/** The current limits. */
export function limitsOf(values: Values): Limits {
  return {
    message: values['limits.message'],
    messageBeforeInitialize: values['limits.messageBeforeInitialize'],
    inFlight: values['limits.inFlight'],
    messagesPerTick: values['limits.messagesPerTick'],
    bytesPerTick: values['limits.bytesPerTick'],
    input: values['limits.input'],
    subscriptions: values['limits.subscriptions'],
    queries: values['limits.queries'],
    queryRows: values['limits.queryRows'],
    subscriptionsPerUid: values['limits.subscriptionsPerUid'],
    subscriptionsPerNode: values['limits.subscriptionsPerNode'],
    windowWork: values['limits.windowWork'],
    windowWorkPerUid: values['limits.windowWorkPerUid'],
    windowWorkPerNode: values['limits.windowWorkPerNode'],
    windowBytesPerUid: values['limits.windowBytesPerUid'],
    windowBytesPerNode: values['limits.windowBytesPerNode'],
    output: values['limits.output'],
    outputTotal: values['limits.outputTotal'],
    outputTime: values['limits.outputTime'],
    connections: values['limits.connections'],
    connectionsPerAddress: values['limits.connectionsPerAddress'],
    resumableSessions: values['limits.resumableSessions'],
    resumableBytes: values['limits.resumableBytes'],
    resumePushes: values['limits.resumePushes'],
    resumeBytes: values['limits.resumeBytes'],
    queryTime: values['limits.queryTime'],
    queriesAtOnce: values['limits.queriesAtOnce'],
    filter: values['limits.filter'],
    filterOperands: values['limits.filterOperands'],
    filterDepth: values['limits.filterDepth'],
    history: values['limits.history'],
    depth: values['limits.depth'],
    object: values['limits.object'],
    list: values['limits.list'],
    updateWork: values['limits.updateWork'],
    keyLength: values['limits.keyLength'],
    pathDepth: values['limits.pathDepth'],
    hookTime: values['limits.hookTime'],
    hookChain: values['limits.hookChain'],
    hookMemory: values['limits.hookMemory'],
    hooksWaiting: values['limits.hooksWaiting'],
  };
}

/** Limits of post hooks. */
export function postHookLimitsOf(values: Values): PostHookLimits {
  return {
    attempts: values['limits.hookAttempts'],
    outbox: values['limits.outbox'],
    webhooks: {
      attempts: values['limits.webhookAttempts'],
      age: values['limits.webhookAge'],
      timeout: values['limits.webhookTime'],
      concurrency: values['limits.webhooksAtOnce'],
      pending: values['limits.webhookEvents'],
    },
    deadLetters: values['limits.deadLetters'],
    deadLetterAge: values['limits.deadLetterAge'],
  };
}

/** Limits of the cache and of commits. */
export function objectsLimitsOf(values: Values): Partial<ObjectsLimits> {
  return {
    cachedObjects: values['limits.cachedObjects'],
    cacheBytes: values['limits.cacheBytes'],
    commitWrites: values['limits.commitWrites'],
    commitBytes: values['limits.commitBytes'],
  };
}

/** Exports the limits as metrics, so that an alert can compare a level with its limit: times in seconds, sizes in bytes. */
export function exportLimits(values: Values, metrics: Metrics): void {
  const gauge = metrics.gauge(
    'really_limit',
    'The bounds in force, by the name of their key: seconds, bytes, or a number of things; 0 is off.',
    ['key'],
  );
  for (const [key, value] of Object.entries(values)) {
    if (typeof value !== 'number' || !/^(limits|rate)\./.test(key)) continue;
    gauge.set(/(Time|Age)$/.test(key) ? value / 1000 : value, key);
  }
}
